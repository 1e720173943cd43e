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

enum { TILE = 256, BLOCK = 64 };

// The gradient through a ReLU, as `ck_relu_mask` has it.
CK_INLINE ck_f16 masked(ck_f16 g, ck_f16 y) { return y <= 0.0f ? (ck_f16)0.0f : g; }

// Adds `rows` rows of 16·vectors columns to totals, which stay in registers.
CK_INLINE void sum_strip(int vectors, float *g, const float *y, uint16_t *halves, double *totals,
                         size_t rows, size_t columns) {
  ck_f16 sum[8];
  for (int v = 0; v < vectors; v++) sum[v] = 0.0f;
  for (size_t r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++) {
      const size_t place = r * columns + 16 * (size_t)v;
      ck_f16 value = ck_load16(g + place);
      if (y) {
        value = masked(value, ck_load16(y + place));
        ck_store16(g + place, value);
      }
      if (halves) ck_store_bfloat16(halves + place, value);
      sum[v] += value;
    }
  for (int v = 0; v < vectors; v++)
    for (int l = 0; l < 16; l++) totals[16 * v + l] += (double)sum[v][l];
}

// The last columns, fewer than 16.
CK_INLINE void sum_tail(float *g, const float *y, uint16_t *halves, double *totals, size_t rows,
                        size_t columns, size_t width) {
  ck_f16 sum = 0.0f;
  for (size_t place = 0; place < rows * columns; place += columns) {
    ck_f16 value = ck_load_tail(g + place, width, 0);
    if (y) {
      value = masked(value, ck_load_tail(y + place, width, 0));
      ck_store_tail(g + place, value, width);
    }
    if (halves) ck_store_bfloat16_tail(halves + place, value, width);
    sum += value;
  }
  for (size_t l = 0; l < width; l++) totals[l] += (double)sum[l];
}

CK_INLINE void column_sums(float *g, const float *y, uint16_t *halves, float *sums, size_t rows,
                           size_t columns, int accumulate) {
  for (size_t tile = 0; tile < columns; tile += TILE) {
    size_t width = columns - tile < TILE ? columns - tile : TILE;
    double totals[TILE] = {0};
    for (size_t r = 0; r < rows; r += BLOCK) {
      size_t count = rows - r < BLOCK ? rows - r : BLOCK, c = 0, place = r * columns + tile;
#define CK_PLACES(start)                                                                           \
  g + (start), y ? y + (start) : NULL, halves ? halves + (start) : NULL, totals + c, count, columns
      for (; c + 128 <= width; c += 128) sum_strip(8, CK_PLACES(place + c));
      for (; c + 16 <= width; c += 16) sum_strip(1, CK_PLACES(place + c));
      if (c < width) sum_tail(CK_PLACES(place + c), width - c);
#undef CK_PLACES
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
