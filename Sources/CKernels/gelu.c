#include "gelu.h"
#include "vectors.h"

// A rank alone decides about its leaf's activations, and equal CPUs give equal bits.
#pragma STDC FP_CONTRACT ON

CK_INLINE ck_f16 gelu16(ck_f16 x, ck_f16 *slope) {
  // Φ(−|x|) = t·(a₁ + t·(a₂ + …))/2·e^(−x²/2) with t = 1/(1 + p·|x|/√2).
  ck_f16 t = 1.0f / (1.0f + 0.23164189f * (x < 0.0f ? -x : x));
  ck_f16 power = ck_exp_nonpositive16(x * x * -0.5f);
  ck_f16 poly = t * 0.5307027145f - 0.7265760135f;
  poly = poly * t + 0.7107068705f;
  poly = poly * t - 0.142248368f;
  poly = poly * t + 0.127414796f;
  ck_f16 tail = poly * t * power;
  ck_f16 share = x < 0.0f ? tail : 1.0f - tail;
  *slope = share + x * power * 0.39894228f;
  return x * share;
}

// To y, or rounded to `halves`; the other one is NULL.
CK_INLINE void gelu(const float *x, float *y, uint16_t *halves, float *slope, size_t n) {
  ck_f16 d;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    ck_f16 value = gelu16(ck_load16(x + i), &d);
    if (y) ck_store16(y + i, value);
    if (halves) ck_store_bfloat16(halves + i, value);
    if (slope) ck_store16(slope + i, d);
  }
  if (i < n) {
    ck_f16 value = gelu16(ck_load_tail(x + i, n - i, 0), &d);
    if (y) ck_store_tail(y + i, value, n - i);
    if (halves) ck_store_bfloat16_tail(halves + i, value, n - i);
    if (slope) ck_store_tail(slope + i, d, n - i);
  }
}

CK_CLONES void ck_gelu(const float *x, float *y, float *slope, size_t n) {
  if (slope)
    gelu(x, y, NULL, slope, n);
  else
    gelu(x, y, NULL, NULL, n);
}

CK_CLONES void ck_gelu_rounded(const float *x, uint16_t *y, float *slope, size_t n) {
  if (slope)
    gelu(x, NULL, y, slope, n);
  else
    gelu(x, NULL, y, NULL, n);
}
