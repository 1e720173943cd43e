// The body of a product of matrices that fit the cache, included once for each kind of element:
//
//   CK_PRODUCT           the function's name
//   CK_PRODUCT_TARGETS   the instruction sets it is compiled for
//   CK_ADD_PRODUCT(sum, left, right)   sum + left·right of a float and sixteen
#define CK_JOIN(a, b) a##_##b
#define CK_NAMED(a, b) CK_JOIN(a, b)
#define CK_NAME(part) CK_NAMED(CK_PRODUCT, part)

// `rows`·`vectors` accumulators stay in registers over the whole of `depth`. Loads are written out:
// a function of registers cannot be called where other instruction sets are compiled for.
CK_INLINE void CK_NAME(tile)(int rows, int vectors, size_t depth, ck_strided a, const float *b,
                             size_t b_row, float *c, size_t c_row, int accumulate) {
  ck_f16 sum[24];
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++)
      sum[r * vectors + v] =
          accumulate ? *(const ck_f16 *)(c + r * c_row + 16 * v) : (ck_f16)0.0f;
  for (size_t k = 0; k < depth; k++) {
    ck_f16 right[4];
    for (int v = 0; v < vectors; v++) right[v] = *(const ck_f16 *)(b + k * b_row + 16 * v);
    for (int r = 0; r < rows; r++) {
      float left = a.start[r * a.row + k * a.column];
      for (int v = 0; v < vectors; v++)
        sum[r * vectors + v] = CK_ADD_PRODUCT(sum[r * vectors + v], left, right[v]);
    }
  }
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++)
      *(ck_f16 *)(c + r * c_row + 16 * v) = sum[r * vectors + v];
}

// All rows of a strip of 16·vectors columns: `tall` rows at a time, then fewer.
CK_INLINE void CK_NAME(strip)(int tall, int vectors, size_t rows, size_t depth, ck_strided a,
                              const float *b, size_t b_row, float *c, size_t c_row,
                              int accumulate) {
  size_t r = 0;
#define CK_ROWS(count)                                                                             \
  for (; r + (count) <= rows; r += (count))                                                        \
  CK_NAME(tile)(count, vectors, depth, (ck_strided){a.start + r * a.row, a.row, a.column}, b,      \
                b_row, c + r * c_row, c_row, accumulate)
  CK_ROWS((size_t)tall);
  CK_ROWS(4);
  CK_ROWS(2);
  CK_ROWS(1);
#undef CK_ROWS
}

CK_PRODUCT_TARGETS void CK_PRODUCT(size_t rows, size_t columns, size_t depth, ck_strided a,
                                   const float *b, size_t b_row, float *c, size_t c_row,
                                   int accumulate) {
  size_t start = 0;
  for (; start + 64 <= columns; start += 64)
    CK_NAME(strip)(6, 4, rows, depth, a, b + start, b_row, c + start, c_row, accumulate);
  size_t rest = columns - start;
  b += start;
  c += start;
  if (rest == 48) CK_NAME(strip)(8, 3, rows, depth, a, b, b_row, c, c_row, accumulate);
  if (rest == 32) CK_NAME(strip)(8, 2, rows, depth, a, b, b_row, c, c_row, accumulate);
  if (rest == 16) CK_NAME(strip)(8, 1, rows, depth, a, b, b_row, c, c_row, accumulate);
}

#undef CK_JOIN
#undef CK_NAMED
#undef CK_NAME
#undef CK_PRODUCT
#undef CK_PRODUCT_TARGETS
#undef CK_ADD_PRODUCT
