#ifndef CKERNELS_GELU_H
#define CKERNELS_GELU_H

#include <stddef.h>
#include <stdint.h>

/// y = x·Φ(x) with the normal distribution Φ, and where `slope` is not null its derivative
/// Φ(x) + x·φ(x): both need the same exponential. Within 5e-7 of either.
///
/// Source: Hendrycks and Gimpel, arXiv 1606.08415; Φ by Abramowitz and Stegun, 7.1.26.
void ck_gelu(const float *x, float *y, float *slope, size_t n);

/// `ck_gelu` with y rounded to bfloat16, as `ck_to_bfloat16` does; y may lie where x does.
void ck_gelu_rounded(const float *x, uint16_t *y, float *slope, size_t n);

#endif
