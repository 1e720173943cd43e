#ifndef CKERNELS_BANDWIDTH_H
#define CKERNELS_BANDWIDTH_H

#include <stddef.h>

/// The loads and stores of an optimizer without its arithmetic: reads p, g and `states` (0 … 3)
/// arrays, writes all but g. What `bench optimizer` measures optimizers by. Nothing overlaps.
void ck_move(float *p, const float *g, float *const *state, int states, size_t n);

#endif
