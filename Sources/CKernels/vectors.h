#ifndef CKERNELS_VECTORS_H
#define CKERNELS_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "targets.h"

// Sixteen lanes: one AVX-512 register, two AVX2, four SSE or NEON. The compiler splits them, the
// order of additions stays. exp and log are made of + − × ÷ alone: the C library picks variants by
// CPU, and the last bit of a loss or a gradient must not depend on the host.
//
// Every function that takes or returns such a value is inlined, so no calling convention applies.
#pragma clang diagnostic ignored "-Wpsabi"
typedef float ck_f16 __attribute__((ext_vector_type(16), aligned(4)));
typedef uint32_t ck_u16 __attribute__((ext_vector_type(16)));
typedef uint16_t ck_h16 __attribute__((ext_vector_type(16)));

#define CK_INLINE static inline __attribute__((always_inline))

CK_INLINE ck_f16 ck_load16(const float *from) { return *(const ck_f16 *)from; }
CK_INLINE void ck_store16(float *to, ck_f16 value) { *(ck_f16 *)to = value; }

// The first n < 16 of a row's last elements, `fill` in the other lanes.
CK_INLINE ck_f16 ck_load_tail(const float *from, size_t n, float fill) {
  float lanes[16];
  for (int l = 0; l < 16; l++) lanes[l] = fill;
  for (size_t l = 0; l < n; l++) lanes[l] = from[l];
  return ck_load16(lanes);
}

CK_INLINE void ck_store_tail(float *to, ck_f16 value, size_t n) {
  float lanes[16];
  ck_store16(lanes, value);
  for (size_t l = 0; l < n; l++) to[l] = lanes[l];
}

// The nearest bfloat16, which is the upper half of a float, in the lower half of each lane: half a
// unit of its last place is added, less one bit where that place is even. A NaN becomes a quiet
// one, so that no carry reaches its exponent.
CK_INLINE ck_u16 ck_nearest_bfloat16(ck_f16 x) {
  ck_u16 bits;
  memcpy(&bits, &x, sizeof bits);
  ck_u16 upper = bits >> 16, nearest = (bits + 0x7fffu + (upper & 1u)) >> 16;
  return x == x ? nearest : upper | 0x40u;
}

// `to` may lie where the values came from.
CK_INLINE void ck_store_bfloat16(uint16_t *to, ck_f16 value) {
  ck_h16 halves = __builtin_convertvector(ck_nearest_bfloat16(value), ck_h16);
  memcpy(to, &halves, sizeof halves);
}

CK_INLINE void ck_store_bfloat16_tail(uint16_t *to, ck_f16 value, size_t n) {
  uint16_t lanes[16];
  ck_store_bfloat16(lanes, value);
  memcpy(to, lanes, n * sizeof *to);
}

// Halves added to halves: the fixed order of every sum over lanes.
CK_INLINE float ck_sum16(ck_f16 v) {
  float lanes[16];
  ck_store16(lanes, v);
  for (int width = 8; width >= 1; width /= 2)
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  return lanes[0];
}

// The larger; of a NaN and a number, b.
CK_INLINE ck_f16 ck_max16(ck_f16 a, ck_f16 b) { return a > b ? a : b; }

CK_INLINE double ck_sum_lanes(double lanes[16]) {
  for (int width = 8; width >= 1; width /= 2)
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  return lanes[0];
}

CK_INLINE float ck_largest16(ck_f16 v) {
  float lanes[16];
  ck_store16(lanes, v);
  for (int width = 8; width >= 1; width /= 2)
    for (int l = 0; l < width; l++)
      lanes[l] = lanes[l] > lanes[l + width] ? lanes[l] : lanes[l + width];
  return lanes[0];
}

// e^x for x ≤ 0 within 2 units in the last place; 0 below the smallest normal result; NaN of NaN.
// Once for a number and once for sixteen: the same operations, the same bits.
#define CK_EXP_NONPOSITIVE(name, real, word)                                                       \
  CK_INLINE real name(real x) {                                                                    \
    real floored = x < -87.0f ? (real)-87.0f : x;                                                  \
    /* Rounds to nearest by adding and taking away 1.5·2^23. */                                    \
    real shifted = floored * 1.44269504f + 12582912.0f;                                            \
    real whole = shifted - 12582912.0f;                                                            \
    /* ln 2 in two parts: the first product is exact. */                                           \
    real r = (floored - whole * 0.693359375f) + whole * 2.12194440e-4f;                            \
    real poly = r * 1.9875691500e-4f + 1.3981999507e-3f;                                           \
    poly = poly * r + 8.3334519073e-3f;                                                            \
    poly = poly * r + 4.1665795894e-2f;                                                            \
    poly = poly * r + 1.6666665459e-1f;                                                            \
    poly = poly * r + 5.0000001201e-1f;                                                            \
    real value = (poly * (r * r) + r) + 1.0f;                                                      \
    /* The integer stands in the low bits of the sum; a NaN gives some bits and stays NaN. */      \
    word bits;                                                                                     \
    memcpy(&bits, &shifted, sizeof bits);                                                          \
    bits = (bits - 0x4b400000u + 127u) << 23;                                                      \
    real power;                                                                                    \
    memcpy(&power, &bits, sizeof power);                                                           \
    return x < -87.0f ? (real)0.0f : value * power;                                                \
  }
CK_EXP_NONPOSITIVE(ck_exp_nonpositive, float, uint32_t)
CK_EXP_NONPOSITIVE(ck_exp_nonpositive16, ck_f16, ck_u16)
#undef CK_EXP_NONPOSITIVE

// The natural logarithm of a positive normal double: 2·atanh((m−1)/(m+1)) + e·ln 2.
CK_INLINE double ck_log_positive(double x) {
  uint64_t bits;
  memcpy(&bits, &x, 8);
  int exponent = (int)(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
  double m;
  memcpy(&m, &bits, 8);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1;
  }
  double t = (m - 1) / (m + 1), t2 = t * t, sum = 0;
  for (int k = 25; k >= 1; k -= 2) sum = sum * t2 + 1.0 / k;
  return 2 * t * sum + exponent * 0.6931471805599453;
}

#endif
