#ifndef CKERNELS_EMBEDDING_H
#define CKERNELS_EMBEDDING_H

#include <stddef.h>
#include <stdint.h>

/// out[i] = table[tokens[i]], rows of `width`.
void ck_embedding(const int32_t *tokens, const float *table, float *out, size_t count,
                  size_t width);
/// dtable[tokens[i]] += dout[i], in the order of i.
void ck_embedding_backward(const int32_t *tokens, const float *dout, float *dtable, size_t count,
                           size_t width);
/// out[s] = x[s] + table for each sample s of `count` elements.
void ck_add_to_samples(const float *x, const float *table, float *out, size_t samples,
                       size_t count);

#endif
