#ifndef CKERNELS_FLOAT16_H
#define CKERNELS_FLOAT16_H

#include <stddef.h>
#include <stdint.h>

/// y[i] = the IEEE 754 binary16 nearest to x[i]·2^−k, ties to even; infinity stays, NaN stays NaN.
/// Returns k, which brings the largest magnitude into [2^14, 2^15), so that no number overflows and
/// none within 2^−28 of the largest loses a bit of the eleven; it is −112 at the least. In integer
/// arithmetic: the same bits on every CPU.
int ck_to_float16(const float *x, uint16_t *y, size_t n);

/// x[i] = y[i]·2^k, exactly; k as `ck_to_float16` returned it.
void ck_from_float16(const uint16_t *y, int k, float *x, size_t n);

#endif
