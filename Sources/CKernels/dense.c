#include "dense.h"
#include "targets.h"

#include <stddef.h>
#include <string.h>

CK_CLONES void ck_relu(const float *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

CK_CLONES void ck_relu_mask(float *g, const float *y, size_t n) {
  for (size_t i = 0; i < n; i++) g[i] = y[i] <= 0 ? 0 : g[i];
}

enum { LANES = 16, TILE = 256, BLOCK = 64 };

// Adds rows r0 ..< end of `width` columns to totals; 16 columns at a time are kept in registers.
static inline __attribute__((always_inline)) void sum_strip(float *restrict g,
                                                            const float *restrict y,
                                                            double *restrict totals, size_t rows,
                                                            size_t columns, size_t width) {
  float sum[LANES] = {0};
  for (size_t r = 0; r < rows; r++)
    for (size_t l = 0; l < width; l++) {
      float v = g[r * columns + l];
      if (y) {
        v = y[r * columns + l] <= 0 ? 0 : v;
        g[r * columns + l] = v;
      }
      sum[l] += v;
    }
  for (size_t l = 0; l < width; l++) totals[l] += (double)sum[l];
}

CK_CLONES void ck_column_sums(float *restrict g, const float *restrict y, float *restrict sums,
                              size_t rows, size_t columns, int accumulate) {
  for (size_t tile = 0; tile < columns; tile += TILE) {
    size_t width = columns - tile < TILE ? columns - tile : TILE;
    double totals[TILE] = {0};
    for (size_t r = 0; r < rows; r += BLOCK) {
      size_t count = rows - r < BLOCK ? rows - r : BLOCK;
      for (size_t c = 0; c < width; c += LANES) {
        float *place = g + r * columns + tile + c;
        const float *result = y ? y + r * columns + tile + c : NULL;
        if (width - c >= LANES)
          sum_strip(place, result, totals + c, count, columns, LANES);
        else
          sum_strip(place, result, totals + c, count, columns, width - c);
      }
    }
    for (size_t c = 0; c < width; c++)
      sums[tile + c] = (float)(accumulate ? (double)sums[tile + c] + totals[c] : totals[c]);
  }
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
