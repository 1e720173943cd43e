#include "optimizers.h"
#include "targets.h"

// sqrtf may set errno, which keeps it from vectorizing; the builtin does not.
#define ROOT(x) __builtin_elementwise_sqrt(x)

CK_CLONES void ck_sgd(float *p, const float *g, float *buffer, size_t n,
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
    for (size_t i = 0; i < n; i++) {
      float gradient = g[i] + wd * p[i];
      float velocity = keep * buffer[i] + fresh * gradient;
      buffer[i] = velocity;
      p[i] = p[i] - lr * velocity;
    }
  }
}

CK_CLONES void ck_adam(float *p, const float *g, float *m, float *v, size_t n,
                       const ck_adam_settings *s) {
  const float step = s->step_size, b2 = s->beta2, eps = s->epsilon, wd = s->weight_decay;
  const float c1 = s->fresh1, c2 = s->fresh2, root2 = s->correction2, shrink = s->shrink;
  for (size_t i = 0; i < n; i++) {
    float weight = p[i] * shrink;
    float gradient = g[i] + wd * weight;
    float first = m[i] + c1 * (gradient - m[i]);
    float second = b2 * v[i] + c2 * (gradient * gradient);
    m[i] = first;
    v[i] = second;
    p[i] = weight - step * (first / (ROOT(second) / root2 + eps));
  }
}

CK_CLONES void ck_rmsprop(float *p, const float *g, float *square, float *mean, float *buffer,
                          size_t n, const ck_rmsprop_settings *s) {
  const float lr = s->learning_rate, a = s->alpha, c = s->fresh, eps = s->epsilon;
  const float mu = s->momentum, wd = s->weight_decay;
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] + wd * p[i];
    float second = a * square[i] + c * (gradient * gradient);
    square[i] = second;
    if (mean) {
      float first = mean[i] + c * (gradient - mean[i]);
      mean[i] = first;
      second = second - first * first;
    }
    float change = gradient / (ROOT(second) + eps);
    if (buffer) {
      change = mu * buffer[i] + change;
      buffer[i] = change;
    }
    p[i] = p[i] - lr * change;
  }
}
