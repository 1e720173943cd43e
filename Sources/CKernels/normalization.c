#include "normalization.h"
#include "vectors.h"

CK_INLINE float row_sum(const float *x, size_t n) {
  ck_f16 sum = 0.0f;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) sum += ck_load16(x + i);
  if (i < n) sum += ck_load_tail(x + i, n - i, 0);
  return ck_sum16(sum);
}

// Σ (a − shift)·(b − shift).
CK_INLINE float row_product(const float *a, const float *b, float shift, size_t n) {
  ck_f16 sum = 0.0f;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) sum += (ck_load16(a + i) - shift) * (ck_load16(b + i) - shift);
  if (i < n)
    sum +=
        (ck_load_tail(a + i, n - i, shift) - shift) * (ck_load_tail(b + i, n - i, shift) - shift);
  return ck_sum16(sum);
}

// To y, or rounded to `halves`; the other one is NULL.
CK_INLINE void layer_norm(const float *x, const float *weight, const float *bias, float *y,
                          uint16_t *halves, float *statistics, size_t rows, size_t width,
                          float eps) {
  for (size_t row = 0; row < rows; row++, x += width) {
    float mean = row_sum(x, width) / (float)width;
    float variance = row_product(x, x, mean, width) / (float)width;
    float inverse = 1.0f / __builtin_sqrtf(variance + eps);
    float *out = y ? y + row * width : NULL;
    uint16_t *half = halves ? halves + row * width : NULL;
    size_t i = 0;
    for (; i + 16 <= width; i += 16) {
      ck_f16 normal = (ck_load16(x + i) - mean) * inverse;
      ck_f16 value = normal * ck_load16(weight + i) + ck_load16(bias + i);
      if (out) ck_store16(out + i, value);
      if (half) ck_store_bfloat16(half + i, value);
    }
    for (; i < width; i++) {
      float value = (x[i] - mean) * inverse * weight[i] + bias[i];
      if (out) out[i] = value;
      if (half) ck_store_bfloat16_tail(half + i, value, 1);
    }
    statistics[2 * row] = mean;
    statistics[2 * row + 1] = inverse;
  }
}

CK_CLONES void ck_layer_norm(const float *x, const float *weight, const float *bias, float *y,
                             float *statistics, size_t rows, size_t width, float eps) {
  layer_norm(x, weight, bias, y, NULL, statistics, rows, width, eps);
}

CK_CLONES void ck_layer_norm_rounded(const float *x, const float *weight, const float *bias,
                                     uint16_t *y, float *statistics, size_t rows, size_t width,
                                     float eps) {
  layer_norm(x, weight, bias, NULL, y, statistics, rows, width, eps);
}

// With x̂ = (x − mean)/deviation and g = dy·weight: dx = (g − mean g − x̂·mean(g·x̂))/deviation.
CK_CLONES void ck_layer_norm_backward(const float *dy, const float *x, const float *weight,
                                      const float *statistics, float *dx, int accumulate_dx,
                                      float *dweight, float *dbias, float *scratch, size_t rows,
                                      size_t width) {
  float *g = scratch, *normal = scratch + width;
  for (size_t row = 0; row < rows; row++, x += width, dy += width) {
    float mean = statistics[2 * row], inverse = statistics[2 * row + 1];
    for (size_t i = 0; i < width; i++) normal[i] = (x[i] - mean) * inverse;
    if (dweight)
      for (size_t i = 0; i < width; i++) dweight[i] += dy[i] * normal[i];
    if (dbias)
      for (size_t i = 0; i < width; i++) dbias[i] += dy[i];
    if (!dx) continue;
    for (size_t i = 0; i < width; i++) g[i] = dy[i] * weight[i];
    float m1 = row_sum(g, width) / (float)width;
    float m2 = row_product(g, normal, 0, width) / (float)width;
    float *out = dx + row * width;
    if (accumulate_dx) {
      for (size_t i = 0; i < width; i++) out[i] += (g[i] - m1 - normal[i] * m2) * inverse;
    } else {
      for (size_t i = 0; i < width; i++) out[i] = (g[i] - m1 - normal[i] * m2) * inverse;
    }
  }
}
