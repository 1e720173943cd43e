#include "dense.h"
#include "vectors.h"

CK_CLONES void ck_relu(const float *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

CK_CLONES void ck_relu_mask(float *g, const float *y, size_t n) {
  for (size_t i = 0; i < n; i++) g[i] = y[i] <= 0 ? 0 : g[i];
}

CK_CLONES void ck_multiply(const float *a, const float *b, float *out, size_t n, int accumulate) {
  if (accumulate)
    for (size_t i = 0; i < n; i++) out[i] += a[i] * b[i];
  else
    for (size_t i = 0; i < n; i++) out[i] = a[i] * b[i];
}

enum { TILE = 1024, BLOCK = 64 };

// The gradient through a ReLU, as `ck_relu_mask` has it.
CK_INLINE ck_f16 masked(ck_f16 g, ck_f16 y) { return y <= 0.0f ? (ck_f16)0.0f : g; }

// The first n ≤ 16 of a row's last elements.
CK_INLINE ck_f16 load_part(const float *from, size_t n) {
  return n == 16 ? ck_load16(from) : ck_load_tail(from, n, 0);
}

CK_INLINE void store_part(float *to, ck_f16 value, size_t n) {
  if (n == 16)
    ck_store16(to, value);
  else
    ck_store_tail(to, value, n);
}

CK_INLINE void store_rounded_part(uint16_t *to, ck_f16 value, size_t n) {
  if (n == 16)
    ck_store_bfloat16(to, value);
  else
    ck_store_bfloat16_tail(to, value, n);
}

// Adds `rows` rows to `sums`, which has whole registers, one after another.
CK_INLINE void add_rows(int rows, float *g, const float *y, uint16_t *rounded, float *sums,
                        size_t width, size_t columns) {
  for (size_t c = 0; c < width; c += 16) {
    const size_t count = width - c < 16 ? width - c : 16;
    ck_f16 sum = ck_load16(sums + c);
    for (int r = 0; r < rows; r++) {
      const size_t place = (size_t)r * columns + c;
      ck_f16 value = load_part(g + place, count);
      if (y) {
        value = masked(value, load_part(y + place, count));
        store_part(g + place, value, count);
      }
      if (rounded) store_rounded_part(rounded + place, value, count);
      sum += value;
    }
    ck_store16(sums + c, sum);
  }
}

CK_INLINE void column_sums(float *g, const float *y, uint16_t *rounded, float *sums, size_t rows,
                           size_t columns, int accumulate) {
  float block[TILE];
  double totals[TILE];
  for (size_t tile = 0; tile < columns; tile += TILE) {
    const size_t width = columns - tile < TILE ? columns - tile : TILE;
    memset(totals, 0, width * sizeof *totals);
    for (size_t start = 0; start < rows; start += BLOCK) {
      const size_t end = rows - start < BLOCK ? rows : start + BLOCK;
      memset(block, 0, (width + 15) / 16 * 16 * sizeof *block);
      size_t r = start;
#define CK_ROWS(count)                                                                             \
  for (size_t place; r + (count) <= end; r += (count)) {                                           \
    place = r * columns + tile;                                                                    \
    add_rows(count, g + place, y ? y + place : NULL, rounded ? rounded + place : NULL, block,      \
             width, columns);                                                                      \
  }
      CK_ROWS(8)
      CK_ROWS(1)
#undef CK_ROWS
      for (size_t c = 0; c < width; c++) totals[c] += (double)block[c];
    }
    for (size_t c = 0; c < width; c++)
      sums[tile + c] = (float)(accumulate ? (double)sums[tile + c] + totals[c] : totals[c]);
  }
}

// Without a mask in a loop of its own: one with a choice inside is not vectorized.
CK_CLONES void ck_column_sums(float *g, const float *y, float *sums, size_t rows, size_t columns,
                              int accumulate) {
  if (y)
    column_sums(g, y, NULL, sums, rows, columns, accumulate);
  else
    column_sums(g, NULL, NULL, sums, rows, columns, accumulate);
}

CK_CLONES void ck_column_sums_rounding(const float *g, uint16_t *rounded, float *sums, size_t rows,
                                       size_t columns, int accumulate) {
  column_sums((float *)g, NULL, rounded, sums, rows, columns, accumulate);
}

CK_CLONES void ck_copy_rows(const float *restrict from, size_t from_stride, float *restrict to,
                            size_t to_stride, size_t rows, size_t width, int accumulate) {
  for (size_t r = 0; r < rows; r++) {
    const float *source = from + r * from_stride;
    float *target = to + r * to_stride;
    if (!accumulate) {
      memcpy(target, source, width * sizeof(float));
    } else {
      for (size_t c = 0; c < width; c++) target[c] += source[c];
    }
  }
}

CK_CLONES void ck_exchange_axes(const float *in, float *out, size_t outer, size_t a, size_t middle,
                                size_t b, size_t inner, int accumulate) {
  for (size_t o = 0; o < outer; o++)
    for (size_t i = 0; i < a; i++)
      for (size_t m = 0; m < middle; m++)
        for (size_t j = 0; j < b; j++) {
          const float *source = in + (((o * a + i) * middle + m) * b + j) * inner;
          float *target = out + (((o * b + j) * middle + m) * a + i) * inner;
          for (size_t k = 0; k < inner; k++)
            target[k] = accumulate ? target[k] + source[k] : source[k];
        }
}
