#include "bfloat16.h"
#include "vectors.h"

CK_INLINE void to_bfloat16(const float *x, uint16_t *y, size_t n) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) ck_store_bfloat16(y + i, ck_load16(x + i));
  if (i < n) ck_store_bfloat16_tail(y + i, ck_load_tail(x + i, n - i, 0), n - i);
}

CK_INLINE void from_bfloat16(const uint16_t *y, float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)y[i] << 16;
    memcpy(x + i, &bits, sizeof bits);
  }
}

CK_CLONES void ck_to_bfloat16(const float *x, uint16_t *y, size_t n) { to_bfloat16(x, y, n); }

CK_CLONES void ck_from_bfloat16(const uint16_t *y, float *x, size_t n) { from_bfloat16(y, x, n); }

CK_CLONES void ck_round_to_bfloat16(const float *x, float *y, size_t n) {
  for (size_t start = 0; start < n; start += 16) {
    uint16_t halves[16];
    const size_t count = n - start < 16 ? n - start : 16;
    to_bfloat16(x + start, halves, count);
    from_bfloat16(halves, y + start, count);
  }
}
