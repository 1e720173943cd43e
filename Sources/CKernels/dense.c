#include "dense.h"
#include "targets.h"

#include <string.h>

CK_CLONES void ck_relu(const float *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

CK_CLONES void ck_relu_mask(float *g, const float *y, size_t n) {
  for (size_t i = 0; i < n; i++) g[i] = y[i] <= 0 ? 0 : g[i];
}

CK_CLONES void ck_column_sums(const float *g, float *sums, size_t rows, size_t columns,
                              int accumulate) {
  if (!accumulate) memset(sums, 0, columns * sizeof(float));
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) sums[c] += g[r * columns + c];
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
