#ifndef CKERNELS_SMALL_PRODUCT_H
#define CKERNELS_SMALL_PRODUCT_H

#include <stddef.h>

typedef struct {
  const float *start;
  size_t row, column; // elements from one row, from one column, to the next
} ck_strided;

// C [rows, columns] (+)= A [rows, depth]·B [depth, columns] of matrices that fit the cache.
//
// B and C are row-major with columns a multiple of 16, `b_row` and `c_row` elements apart; A has
// any strides, so that its transpose costs nothing. Multiply-adds are fused where the CPU can: a
// rank alone decides about its leaf's activations, and equal CPUs give equal bits.
void ck_small_product(size_t rows, size_t columns, size_t depth, ck_strided a, const float *b,
                      size_t b_row, float *c, size_t c_row, int accumulate);

#endif
