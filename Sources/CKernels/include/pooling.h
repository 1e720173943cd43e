#ifndef CKERNELS_POOLING_H
#define CKERNELS_POOLING_H

#include <stddef.h>
#include <stdint.h>

/// Windows over images that lie channels last: x `[batch][height][width][channels]`.
typedef struct {
  size_t batch, channels, height, width;
  size_t out_height, out_width;
  size_t window_height, window_width;  // at most 255 each
  size_t stride, padding;
} ck_pool;

/// y = the largest value of each window, NaN where there is one; padding is never the largest.
/// `place`, where not null, keeps which element of the window it was: the first of equals.
void ck_max_pool(const float *x, float *y, uint16_t *place, const ck_pool *pool);

/// dx = the gradient of y at the places that were largest, 0 elsewhere.
void ck_max_pool_backward(const float *dy, const uint16_t *place, float *dx, const ck_pool *pool);

/// y = the sum of each window / its size, padding counted as zeros.
void ck_average_pool(const float *x, float *y, const ck_pool *pool);

void ck_average_pool_backward(const float *dy, float *dx, const ck_pool *pool);

#endif
