#ifndef CKERNELS_SMALL_PRODUCT_H
#define CKERNELS_SMALL_PRODUCT_H

// C (+)= A·B of matrices that fit the cache, to be inlined into loops compiled for several
// instruction sets. B and C are row-major with columns padded to 16; A has any strides, so that
// its transpose costs nothing. Multiply-adds are fused where the CPU can: a rank alone decides
// about its leaf's activations, and equal CPUs give equal bits.

#include "vectors.h"

#pragma STDC FP_CONTRACT ON

typedef struct {
  const float *start;
  size_t row, column; // elements from one row, from one column, to the next
} ck_strided;

// `rows`·`vectors` accumulators stay in registers over the whole of `depth`.
CK_INLINE void product_tile(int rows, int vectors, size_t depth, ck_strided a, const float *b,
                            size_t b_row, float *c, size_t c_row, int accumulate) {
  ck_f16 sum[24];
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++)
      sum[r * vectors + v] =
          accumulate ? ck_load16(c + r * c_row + 16 * v) : (ck_f16)0.0f;
  for (size_t k = 0; k < depth; k++) {
    ck_f16 right[4];
    for (int v = 0; v < vectors; v++) right[v] = ck_load16(b + k * b_row + 16 * v);
    for (int r = 0; r < rows; r++) {
      float left = a.start[r * a.row + k * a.column];
      for (int v = 0; v < vectors; v++)
        sum[r * vectors + v] = sum[r * vectors + v] + left * right[v];
    }
  }
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++)
      ck_store16(c + r * c_row + 16 * v, sum[r * vectors + v]);
}

// All rows of a column strip of 16·vectors: `tall` rows at a time, then fewer.
CK_INLINE void product_strip(int tall, int vectors, size_t rows, size_t depth, ck_strided a,
                             const float *b, size_t b_row, float *c, size_t c_row,
                             int accumulate) {
  size_t r = 0;
  for (; r + (size_t)tall <= rows; r += (size_t)tall)
    product_tile(tall, vectors, depth, (ck_strided){a.start + r * a.row, a.row, a.column}, b,
                 b_row, c + r * c_row, c_row, accumulate);
  for (; r + 2 <= rows; r += 2)
    product_tile(2, vectors, depth, (ck_strided){a.start + r * a.row, a.row, a.column}, b, b_row,
                 c + r * c_row, c_row, accumulate);
  if (r < rows)
    product_tile(1, vectors, depth, (ck_strided){a.start + r * a.row, a.row, a.column}, b, b_row,
                 c + r * c_row, c_row, accumulate);
}

// C [rows, columns] (+)= A [rows, depth]·B [depth, columns]; columns a multiple of 16.
CK_INLINE void small_product(size_t rows, size_t columns, size_t depth, ck_strided a,
                             const float *b, size_t b_row, float *c, size_t c_row,
                             int accumulate) {
  size_t start = 0;
  for (; start + 64 <= columns; start += 64)
    product_strip(6, 4, rows, depth, a, b + start, b_row, c + start, c_row, accumulate);
  for (; start + 32 <= columns; start += 32)
    product_strip(8, 2, rows, depth, a, b + start, b_row, c + start, c_row, accumulate);
  if (start < columns)
    product_strip(8, 1, rows, depth, a, b + start, b_row, c + start, c_row, accumulate);
}

#endif
