// Optimizers that divide by a root of squared gradients.
#include "optimizers.h"

#include "../targets.h"
#include "root.h"

CK_CLONES void ck_adagrad(float *restrict p, const float *restrict g, float *restrict sum, size_t n,
                          const ck_adagrad_settings *s) {
  const float rate = s->rate, eps = s->epsilon, wd = s->weight_decay;
  const float keep = s->first_step ? 0.0f : 1.0f, start = s->first_step ? s->initial : 0.0f;
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] + wd * p[i];
    float total = keep * sum[i] + start + gradient * gradient;
    sum[i] = total;
    p[i] = p[i] - rate * (gradient / (ROOT(total) + eps));
  }
}

CK_CLONES void ck_adadelta(float *restrict p, const float *restrict g, float *restrict square,
                           float *restrict delta, size_t n, const ck_adadelta_settings *s) {
  const float lr = s->learning_rate, rho = s->rho, c = s->fresh, eps = s->epsilon;
  const float wd = s->weight_decay;
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] + wd * p[i];
    float second = rho * square[i] + c * (gradient * gradient);
    float change = ROOT(delta[i] + eps) / ROOT(second + eps) * gradient;
    square[i] = second;
    delta[i] = rho * delta[i] + c * (change * change);
    p[i] = p[i] - lr * change;
  }
}

// One loop for each kind: a pointer that may be null in the loop is 30 times slower.
static inline __attribute__((always_inline)) void rmsprop(
    float *restrict p, const float *restrict g, float *restrict square, float *restrict mean,
    float *restrict buffer, size_t n, const ck_rmsprop_settings *s, int centers, int buffers) {
  const float lr = s->learning_rate, a = s->alpha, c = s->fresh, eps = s->epsilon;
  const float mu = s->momentum, wd = s->weight_decay;
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] + wd * p[i];
    float second = a * square[i] + c * (gradient * gradient);
    square[i] = second;
    if (centers) {
      float first = mean[i] + c * (gradient - mean[i]);
      mean[i] = first;
      second = second - first * first;
    }
    float change = gradient / (ROOT(second) + eps);
    if (buffers) {
      change = mu * buffer[i] + change;
      buffer[i] = change;
    }
    p[i] = p[i] - lr * change;
  }
}

CK_CLONES void ck_rmsprop(float *restrict p, const float *restrict g, float *restrict square,
                          float *restrict mean, float *restrict buffer, size_t n,
                          const ck_rmsprop_settings *s) {
  if (mean && buffer)
    rmsprop(p, g, square, mean, buffer, n, s, 1, 1);
  else if (mean)
    rmsprop(p, g, square, mean, 0, n, s, 1, 0);
  else if (buffer)
    rmsprop(p, g, square, 0, buffer, n, s, 0, 1);
  else
    rmsprop(p, g, square, 0, 0, n, s, 0, 0);
}
