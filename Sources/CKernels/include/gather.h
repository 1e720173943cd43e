#ifndef CKERNELS_GATHER_H
#define CKERNELS_GATHER_H

#include <stddef.h>
#include <stdint.h>

/// out[i] = in[i] / divisor for i < n: one row of bytes as floats (pixels / 255).
void ck_convert_u8(const uint8_t *in, float *out, size_t n, float divisor);

/// out[i] = (in[i] - mean[i]) / deviation[i]: standardization of one row, in place allowed.
void ck_standardize(const float *in, const float *mean, const float *deviation, float *out,
                    size_t n);

#endif
