// Adam and its relatives: m and v are the moments of the gradient, root = √v · root_factor + ε.
#include "optimizers.h"

#include "../targets.h"
#include "root.h"

CK_CLONES void ck_adam(float *restrict p, const float *restrict g, float *restrict m,
                       float *restrict v, size_t n, const ck_adam_settings *s) {
  const float rate = s->moment_rate, b2 = s->beta2, eps = s->epsilon, wd = s->weight_decay;
  const float c1 = s->fresh1, c2 = s->fresh2, factor = s->root_factor, shrink = s->shrink;
  for (size_t i = 0; i < n; i++) {
    float weight = p[i] * shrink;
    float gradient = g[i] + wd * weight;
    float first = m[i] + c1 * (gradient - m[i]);
    float second = b2 * v[i] + c2 * (gradient * gradient);
    m[i] = first;
    v[i] = second;
    p[i] = weight - rate * (first / (ROOT(second) * factor + eps));
  }
}

CK_CLONES void ck_amsgrad(float *restrict p, const float *restrict g, float *restrict m,
                          float *restrict v, float *restrict largest, size_t n,
                          const ck_adam_settings *s) {
  const float rate = s->moment_rate, b2 = s->beta2, eps = s->epsilon, wd = s->weight_decay;
  const float c1 = s->fresh1, c2 = s->fresh2, factor = s->root_factor, shrink = s->shrink;
  for (size_t i = 0; i < n; i++) {
    float weight = p[i] * shrink;
    float gradient = g[i] + wd * weight;
    float first = m[i] + c1 * (gradient - m[i]);
    float second = b2 * v[i] + c2 * (gradient * gradient);
    float most = largest[i] > second ? largest[i] : second;
    m[i] = first;
    v[i] = second;
    largest[i] = most;
    p[i] = weight - rate * (first / (ROOT(most) * factor + eps));
  }
}

CK_CLONES void ck_adamax(float *restrict p, const float *restrict g, float *restrict m,
                         float *restrict norm, size_t n, const ck_adam_settings *s) {
  const float rate = s->moment_rate, b2 = s->beta2, eps = s->epsilon, wd = s->weight_decay;
  const float c1 = s->fresh1;
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] + wd * p[i];
    float first = m[i] + c1 * (gradient - m[i]);
    float faded = b2 * norm[i];
    float size = __builtin_fabsf(gradient) + eps;
    float most = faded > size ? faded : size;
    m[i] = first;
    norm[i] = most;
    p[i] = p[i] - rate * (first / most);
  }
}

CK_CLONES void ck_nadam(float *restrict p, const float *restrict g, float *restrict m,
                        float *restrict v, size_t n, const ck_adam_settings *s) {
  const float rate = s->moment_rate, fresh_rate = s->gradient_rate, b2 = s->beta2;
  const float eps = s->epsilon, wd = s->weight_decay;
  const float c1 = s->fresh1, c2 = s->fresh2, factor = s->root_factor;
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] + wd * p[i];
    float first = m[i] + c1 * (gradient - m[i]);
    float second = b2 * v[i] + c2 * (gradient * gradient);
    m[i] = first;
    v[i] = second;
    p[i] = p[i] - (rate * first + fresh_rate * gradient) / (ROOT(second) * factor + eps);
  }
}

CK_CLONES void ck_radam_warmup(float *restrict p, const float *restrict g, float *restrict m,
                               float *restrict v, size_t n, const ck_adam_settings *s) {
  const float rate = s->moment_rate, b2 = s->beta2, wd = s->weight_decay;
  const float c1 = s->fresh1, c2 = s->fresh2;
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] + wd * p[i];
    float first = m[i] + c1 * (gradient - m[i]);
    m[i] = first;
    v[i] = b2 * v[i] + c2 * (gradient * gradient);
    p[i] = p[i] - rate * first;
  }
}

CK_CLONES void ck_lamb_direction(const float *restrict p, float *restrict g, float *restrict m,
                                 float *restrict v, size_t n, const ck_adam_settings *s) {
  const float rate = s->moment_rate, b2 = s->beta2, eps = s->epsilon, wd = s->weight_decay;
  const float c1 = s->fresh1, c2 = s->fresh2, factor = s->root_factor;
  for (size_t i = 0; i < n; i++) {
    float first = m[i] + c1 * (g[i] - m[i]);
    float second = b2 * v[i] + c2 * (g[i] * g[i]);
    m[i] = first;
    v[i] = second;
    g[i] = rate * (first / (ROOT(second) * factor + eps)) + wd * p[i];
  }
}
