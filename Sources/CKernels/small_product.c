#include "small_product.h"
#include "vectors.h"

#pragma STDC FP_CONTRACT ON

// `rows`·`vectors` accumulators stay in registers over the whole of `depth`.
CK_INLINE void tile(int rows, int vectors, size_t depth, ck_strided a, const float *b, size_t b_row,
                    float *c, size_t c_row, int accumulate) {
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

// All rows of a strip of 16·vectors columns: `tall` rows at a time, then fewer.
CK_INLINE void strip(int tall, int vectors, size_t rows, size_t depth, ck_strided a, const float *b,
                     size_t b_row, float *c, size_t c_row, int accumulate) {
  size_t r = 0;
#define CK_ROWS(count)                                                                             \
  for (; r + (count) <= rows; r += (count))                                                        \
  tile(count, vectors, depth, (ck_strided){a.start + r * a.row, a.row, a.column}, b, b_row,        \
       c + r * c_row, c_row, accumulate)
  CK_ROWS((size_t)tall);
  CK_ROWS(4);
  CK_ROWS(2);
  CK_ROWS(1);
#undef CK_ROWS
}

CK_CLONES void ck_small_product(size_t rows, size_t columns, size_t depth, ck_strided a,
                                const float *b, size_t b_row, float *c, size_t c_row,
                                int accumulate) {
  size_t start = 0;
  for (; start + 64 <= columns; start += 64)
    strip(6, 4, rows, depth, a, b + start, b_row, c + start, c_row, accumulate);
  size_t rest = columns - start;
  if (rest == 48) strip(8, 3, rows, depth, a, b + start, b_row, c + start, c_row, accumulate);
  if (rest == 32) strip(8, 2, rows, depth, a, b + start, b_row, c + start, c_row, accumulate);
  if (rest == 16) strip(8, 1, rows, depth, a, b + start, b_row, c + start, c_row, accumulate);
}
