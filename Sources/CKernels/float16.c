#include "float16.h"
#include "vectors.h"

CK_INLINE uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

CK_INLINE float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// 2^k, −126 ≤ k ≤ 127.
CK_INLINE float power_of_two(int k) { return float_of((uint32_t)(k + 127) << 23); }

// The difference of the two exponents' biases.
#define BIAS (112u << 23)

// |x| below 2^16, or no number.
CK_INLINE uint16_t nearest(float x) {
  uint32_t bits = bits_of(x), magnitude = bits & 0x7fffffffu;
  uint32_t normal = (magnitude - BIAS + 0xfffu + (magnitude >> 13 & 1)) >> 13;
  // Beside 0.5 the last place of a float is that of a subnormal.
  uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
  uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  uint32_t finite = magnitude < 113u << 23 ? subnormal : normal;
  return (uint16_t)((bits >> 16 & 0x8000u) | (magnitude < 0x7f800000u ? finite : special));
}

CK_INLINE float value(uint16_t y) {
  uint32_t magnitude = y & 0x7fffu, wide = magnitude << 13;
  uint32_t subnormal = bits_of(float_of(bits_of(0.5f) + magnitude) - 0.5f);
  uint32_t special = wide + 2 * BIAS;
  uint32_t finite = magnitude < 0x400u ? subnormal : wide + BIAS;
  return float_of((uint32_t)(y & 0x8000u) << 16 | (magnitude < 0x7c00u ? finite : special));
}

CK_CLONES int ck_to_float16(const float *x, uint16_t *y, size_t n) {
  // As integers, infinity and NaN are the largest magnitudes.
  uint32_t largest = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t magnitude = bits_of(x[i]) & 0x7fffffffu;
    largest = magnitude > largest ? magnitude : largest;
  }
  int k = (int)(largest >> 23) - 127 - 14;
  k = k < -112 ? -112 : k;
  float factor = power_of_two(-k);
  for (size_t i = 0; i < n; i++) y[i] = nearest(x[i] * factor);
  return k;
}

CK_CLONES void ck_from_float16(const uint16_t *y, int k, float *x, size_t n) {
  float factor = power_of_two(k);
  for (size_t i = 0; i < n; i++) x[i] = value(y[i]) * factor;
}
