#ifndef CKERNELS_DENSE_H
#define CKERNELS_DENSE_H

#include <stddef.h>
#include <stdint.h>

/// y[i] = x[i] < 0 ? 0 : x[i]: NaN stays NaN, so that a diverged run is seen. In place allowed.
void ck_relu(const float *x, float *y, size_t n);

/// g[i] = y[i] <= 0 ? 0 : g[i]: the gradient through a ReLU, from its input or its output.
void ck_relu_mask(float *g, const float *y, size_t n);

/// out[i] (+)= a[i]·b[i].
void ck_multiply(const float *a, const float *b, float *out, size_t n, int accumulate);

/// sums[c] = Σ_r g[r][c] (added to `sums` where `accumulate`): the gradient of a bias. Blocks of
/// rows are summed in float, blocks in double. Where `y` is not null, g is first put through the
/// ReLU with the result y, in place, as `ck_relu_mask` does.
void ck_column_sums(float *g, const float *y, float *sums, size_t rows, size_t columns,
                    int accumulate);

/// `ck_column_sums` of g as it is, and g rounded to bfloat16, as `ck_to_bfloat16` does, in one pass.
void ck_column_sums_rounding(const float *g, uint16_t *rounded, float *sums, size_t rows,
                             size_t columns, int accumulate);

/// Copies `rows` rows of `width` elements, which lie `from_stride` and `to_stride` elements apart;
/// adds them where `accumulate`.
void ck_copy_rows(const float *from, size_t from_stride, float *to, size_t to_stride, size_t rows,
                  size_t width, int accumulate);

/// out [outer, b, middle, a, inner] (+)= in [outer, a, middle, b, inner]: two axes exchanged.
void ck_exchange_axes(const float *in, float *out, size_t outer, size_t a, size_t middle, size_t b,
                      size_t inner, int accumulate);

#endif
