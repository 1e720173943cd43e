#ifndef CKERNELS_DROPOUT_H
#define CKERNELS_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

/// What the random numbers of one plan execution depend on, beside layer and element: never a
/// rank or a leaf.
typedef struct {
  uint64_t seed;
  uint64_t step;
  uint64_t first_sample; // position of the execution's first sample in the step's batch
} ck_random_context;

/// 2^-32 units: an element is dropped where its random word is below p·2^32.
typedef struct {
  uint32_t threshold;
  float scale;    // 1/(1 - p)
  uint32_t layer; // number of this dropout in its model
} ck_dropout_rate;

/// out[s, i] (+)= in[s, i]·scale where element i of sample s is kept, else 0. The mask is a
/// function of (seed, layer, step, sample, i) by Philox4x32-10, so that backward draws it again.
void ck_dropout(const float *in, float *out, size_t samples, size_t count,
                const ck_random_context *context, ck_dropout_rate rate, int accumulate);

#endif
