#include "embedding.h"
#include "targets.h"

#include <string.h>

void ck_embedding(const int32_t *tokens, const float *table, float *out, size_t count,
                  size_t width) {
  for (size_t i = 0; i < count; i++)
    memcpy(out + i * width, table + (size_t)tokens[i] * width, width * sizeof(float));
}

CK_CLONES void ck_embedding_backward(const int32_t *tokens, const float *dout, float *dtable,
                                     size_t count, size_t width) {
  for (size_t i = 0; i < count; i++) {
    float *row = dtable + (size_t)tokens[i] * width;
    for (size_t c = 0; c < width; c++) row[c] += dout[i * width + c];
  }
}

CK_CLONES void ck_add_to_samples(const float *x, const float *table, float *out, size_t samples,
                                 size_t count) {
  for (size_t s = 0; s < samples; s++)
    for (size_t i = 0; i < count; i++) out[s * count + i] = x[s * count + i] + table[i];
}
