#ifndef CKERNELS_NORMALIZATION_H
#define CKERNELS_NORMALIZATION_H

#include <stddef.h>
#include <stdint.h>

/// y = (x - mean)/sqrt(variance + eps)·weight + bias over each row of `width`; writes each row's
/// mean and 1/sqrt(variance + eps) to `statistics` [rows, 2].
void ck_layer_norm(const float *x, const float *weight, const float *bias, float *y,
                   float *statistics, size_t rows, size_t width, float eps);

/// `ck_layer_norm` with y rounded to bfloat16, as `ck_to_bfloat16` does.
void ck_layer_norm_rounded(const float *x, const float *weight, const float *bias, uint16_t *y,
                           float *statistics, size_t rows, size_t width, float eps);

/// Backward of `ck_layer_norm`. Null gradients are left out; `dweight` and `dbias` are added to.
/// `scratch` holds two rows.
void ck_layer_norm_backward(const float *dy, const float *x, const float *weight,
                            const float *statistics, float *dx, int accumulate_dx, float *dweight,
                            float *dbias, float *scratch, size_t rows, size_t width);

#endif
