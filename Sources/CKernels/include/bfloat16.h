#ifndef CKERNELS_BFLOAT16_H
#define CKERNELS_BFLOAT16_H

#include <stddef.h>
#include <stdint.h>

/// y[i] = the bfloat16 nearest to x[i], ties to even; NaN stays NaN, subnormals stay. The same bits
/// on every CPU, which its own instruction (it makes subnormals 0) would not promise.
void ck_to_bfloat16(const float *x, uint16_t *y, size_t n);

/// x[i] = y[i], exactly.
void ck_from_bfloat16(const uint16_t *y, float *x, size_t n);

/// y[i] = the bfloat16 nearest to x[i], as a float.
void ck_round_to_bfloat16(const float *x, float *y, size_t n);

#endif
