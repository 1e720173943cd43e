#ifndef CKERNELS_CHANNELS_H
#define CKERNELS_CHANNELS_H

#include <stddef.h>

// Values lie in rows of channels, `[rows][channels]`: images channels last, or vectors. A channel's
// sums run down the rows in one order on every CPU: blocks of rows in float, blocks in double.

/// Mean and Σ(x - mean)² of each channel, in double; shifted by the first row, so that a large
/// mean takes no digits from the variance. `rows` at least 1.
void ck_channel_moments(const float *x, size_t rows, size_t channels, double *mean, double *squares);

/// y = scale·(x - mean) + bias a channel, plus `residual` where it is not null; negative values
/// replaced by 0 where `rectifies`.
void ck_scale_channels(const float *x, const float *mean, const float *scale, const float *bias,
                       const float *residual, float *y, size_t rows, size_t channels,
                       int rectifies);

/// The gradient of a norm's rows follows from two sums a channel: Σdz and Σdz·(x - mean), with
/// dz = dy, or 0 where `rectifies` and scale·(x - mean) + bias ≤ 0.
typedef struct {
  const float *x, *dy;
  const float *mean, *scale, *bias; // a channel each
  size_t rows, channels;
  int rectifies;
} ck_norm_rows;

void ck_norm_sums(const ck_norm_rows *norm, double *sum, double *product);

/// dx = scale·dz + (slope·(x - mean) + offset) a channel, added to dx where `accumulates`.
void ck_norm_backward(const ck_norm_rows *norm, const float *slope, const float *offset, float *dx,
                      int accumulates);

/// running = (1 - momentum)·running + momentum·sum/count.
void ck_update_statistic(float *running, const float *sum, double momentum, double count, size_t n);

#endif
