#include "gather.h"
#include "targets.h"

CK_CLONES void ck_convert_u8(const uint8_t *in, float *out, size_t n, float divisor) {
  for (size_t i = 0; i < n; i++) out[i] = (float)in[i] / divisor;
}

CK_CLONES void ck_standardize(const float *in, const float *mean, const float *deviation,
                              float *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (in[i] - mean[i]) / deviation[i];
}
