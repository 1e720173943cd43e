#ifndef CKERNELS_GATHER_H
#define CKERNELS_GATHER_H

#include <stddef.h>
#include <stdint.h>

/// Asks for memory to be brought into the cache: its first lines, which teach the CPU the rest.
static inline void ck_prefetch(const void *from, size_t bytes) {
  for (size_t i = 0; i < bytes && i < 1024; i += 64) __builtin_prefetch((const char *)from + i);
}

/// out[i] = in[i] / divisor for i < n: one row of bytes as floats (pixels / 255).
void ck_convert_u8(const uint8_t *in, float *out, size_t n, float divisor);

/// out[i] = (in[i] - mean[i]) / deviation[i]: standardization of one row, in place allowed.
void ck_standardize(const float *in, const float *mean, const float *deviation, float *out,
                    size_t n);

#endif
