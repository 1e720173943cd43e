#include "bfloat16.h"
#include "vectors.h"

// A bfloat16 is the upper half of a float: half a unit of its last place is added, less one bit
// where that place is even. A NaN becomes a quiet one, so that no carry reaches its exponent.
CK_INLINE uint32_t nearest(const float *x) {
  uint32_t bits;
  memcpy(&bits, x, sizeof bits);
  uint32_t up = bits + 0x7fffu + (bits >> 16 & 1);
  return ((bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : up) & 0xffff0000u;
}

CK_CLONES void ck_to_bfloat16(const float *x, uint16_t *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = (uint16_t)(nearest(x + i) >> 16);
}

CK_CLONES void ck_from_bfloat16(const uint16_t *y, float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)y[i] << 16;
    memcpy(x + i, &bits, sizeof bits);
  }
}

CK_CLONES void ck_round_to_bfloat16(const float *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = nearest(x + i);
    memcpy(y + i, &bits, sizeof bits);
  }
}
