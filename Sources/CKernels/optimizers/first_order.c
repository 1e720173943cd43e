// Optimizers that step along the gradient, its momentum, or their signs.
#include "optimizers.h"

#include "../targets.h"
#include "root.h"

CK_CLONES void ck_sgd(float *restrict p, const float *restrict g, float *restrict buffer, size_t n,
                      const ck_sgd_settings *s) {
  const float lr = s->learning_rate, wd = s->weight_decay, mu = s->momentum;
  if (!buffer) {
    for (size_t i = 0; i < n; i++) p[i] = p[i] - lr * (g[i] + wd * p[i]);
    return;
  }
  const float fresh = s->first_step ? 1.0f : 1.0f - s->dampening;
  const float keep = s->first_step ? 0.0f : mu;
  if (s->nesterov) {
    for (size_t i = 0; i < n; i++) {
      float gradient = g[i] + wd * p[i];
      float velocity = keep * buffer[i] + fresh * gradient;
      buffer[i] = velocity;
      p[i] = p[i] - lr * (gradient + mu * velocity);
    }
  } else {
    // Bound by memory: unrolled four times it takes a tenth longer.
#pragma clang loop interleave_count(1)
    for (size_t i = 0; i < n; i++) {
      float gradient = g[i] + wd * p[i];
      float velocity = keep * buffer[i] + fresh * gradient;
      buffer[i] = velocity;
      p[i] = p[i] - lr * velocity;
    }
  }
}

CK_CLONES void ck_lars(float *restrict p, const float *restrict g, float *restrict buffer, size_t n,
                       const ck_lars_settings *s) {
  const float rate = s->scaled_rate, mu = s->momentum, wd = s->weight_decay;
  for (size_t i = 0; i < n; i++) {
    float velocity = mu * buffer[i] + rate * (g[i] + wd * p[i]);
    buffer[i] = velocity;
    p[i] = p[i] - velocity;
  }
}

CK_CLONES void ck_rprop(float *restrict p, const float *restrict g, float *restrict previous,
                        float *restrict size, size_t n, const ck_rprop_settings *s) {
  const float down = s->rate_down, up = s->rate_up, low = s->smallest, high = s->largest;
  const float wd = s->weight_decay, start = s->first_size;
  const int first = s->first_step;
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] + wd * p[i];
    float product = gradient * previous[i];
    float step = (first ? start : size[i]) * (product > 0 ? up : product < 0 ? down : 1.0f);
    step = step > high ? high : step < low ? low : step;
    // After a change of sign the step was too long: wait once before the next.
    float counted = product < 0 ? 0.0f : gradient;
    size[i] = step;
    previous[i] = counted;
    p[i] = p[i] - SIGN(counted) * step;
  }
}

CK_CLONES void ck_lion(float *restrict p, const float *restrict g, float *restrict m, size_t n,
                       const ck_lion_settings *s) {
  const float lr = s->learning_rate, b1 = s->beta1, c1 = s->fresh1, b2 = s->beta2, c2 = s->fresh2;
  const float shrink = s->shrink;
  for (size_t i = 0; i < n; i++) {
    float direction = b1 * m[i] + c1 * g[i];
    m[i] = b2 * m[i] + c2 * g[i];
    p[i] = p[i] * shrink - lr * SIGN(direction);
  }
}

CK_CLONES void ck_average(float *restrict mean, const float *restrict p, float fresh, size_t n) {
  for (size_t i = 0; i < n; i++) mean[i] = mean[i] + fresh * (p[i] - mean[i]);
}

CK_CLONES void ck_descend(float *restrict p, const float *restrict direction, float rate,
                          size_t n) {
  for (size_t i = 0; i < n; i++) p[i] = p[i] - rate * direction[i];
}
