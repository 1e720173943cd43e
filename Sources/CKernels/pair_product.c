#include "pair_product.h"
#include "vectors.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#pragma STDC FP_CONTRACT ON

// The halves of sixteen pairs as floats.
CK_INLINE ck_f16 first_halves(ck_f16 pairs) {
  ck_u16 bits;
  memcpy(&bits, &pairs, sizeof bits);
  bits <<= 16;
  memcpy(&pairs, &bits, sizeof bits);
  return pairs;
}

CK_INLINE ck_f16 second_halves(ck_f16 pairs) {
  ck_u16 bits;
  memcpy(&bits, &pairs, sizeof bits);
  bits &= 0xffff0000u;
  memcpy(&pairs, &bits, sizeof bits);
  return pairs;
}

CK_INLINE ck_f16 add_pair_products(ck_f16 sum, ck_f16 left, ck_f16 right) {
  sum = sum + first_halves(left) * first_halves(right);
  return sum + second_halves(left) * second_halves(right);
}

#define CK_PRODUCT ck_pair_product_emulated
#define CK_PRODUCT_TARGETS CK_CLONES
#define CK_ADD_PRODUCT(sum, left, right) add_pair_products(sum, (ck_f16)(left), right)
#include "product_tiles.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16"))),                \
                             apply_to = function)
#define CK_PRODUCT ck_pair_product
#define CK_PRODUCT_TARGETS
#define CK_ADD_PRODUCT(sum, left, right)                                                           \
  (ck_f16)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)_mm512_set1_ps(left), (__m512bh)(right))
#include "product_tiles.h"
#pragma clang attribute pop
#else
void ck_pair_product(size_t rows, size_t columns, size_t depth, ck_strided a, const float *b,
                     size_t b_row, float *c, size_t c_row, int accumulate) {
  ck_pair_product_emulated(rows, columns, depth, a, b, b_row, c, c_row, accumulate);
}
#endif
