#include "channels.h"
#include "targets.h"

#include <string.h>

// Channels are worked on 16 at a time, a number the compiler sees: a loop over an unknown few
// would run mostly outside its vector body.
#define LANES 16
#define EACH_STRIP(channels, BODY)                                     \
  for (size_t c0 = 0; c0 < (channels); c0 += LANES) {                  \
    size_t width = (channels) - c0 < LANES ? (channels) - c0 : LANES;  \
    if (width == LANES) {                                              \
      BODY(LANES)                                                      \
    } else {                                                           \
      BODY(width)                                                      \
    }                                                                  \
  }

// Rows a sum runs over in float before it goes on in double.
#define BLOCK 64

CK_CLONES void ck_channel_moments(const float *restrict x, size_t rows, size_t channels,
                                  double *restrict mean, double *restrict squares) {
  memset(mean, 0, channels * sizeof(double));
  memset(squares, 0, channels * sizeof(double));
  for (size_t r0 = 0; r0 < rows; r0 += BLOCK) {
    size_t end = r0 + BLOCK < rows ? r0 + BLOCK : rows;
#define BODY(W)                                                        \
  float sum[LANES] = {0}, square[LANES] = {0}, first[LANES];           \
  for (size_t l = 0; l < (W); l++) first[l] = x[c0 + l];               \
  for (size_t r = r0; r < end; r++)                                    \
    for (size_t l = 0; l < (W); l++) {                                 \
      float d = x[r * channels + c0 + l] - first[l];                   \
      sum[l] += d;                                                     \
      square[l] += d * d;                                              \
    }                                                                  \
  for (size_t l = 0; l < (W); l++) {                                   \
    mean[c0 + l] += (double)sum[l];                                    \
    squares[c0 + l] += (double)square[l];                              \
  }
    EACH_STRIP(channels, BODY)
#undef BODY
  }
  for (size_t c = 0; c < channels; c++) {
    double shifted = mean[c] / (double)rows;
    double rest = squares[c] - shifted * mean[c];
    squares[c] = rest < 0 ? 0 : rest;
    mean[c] = (double)x[c] + shifted;
  }
}

CK_CLONES void ck_scale_channels(const float *restrict x, const float *restrict mean,
                                 const float *restrict scale, const float *restrict bias,
                                 const float *restrict residual, float *restrict y, size_t rows,
                                 size_t channels, int rectifies) {
  // What is below the floor becomes 0; nothing is below NaN, and NaN is below nothing.
  const float floor = rectifies ? 0 : -__builtin_inff();
#define BODY(W, PLUS)                                                      \
  for (size_t l = 0; l < (W); l++) {                                       \
    size_t i = r * channels + c0 + l;                                      \
    float v = scale[c0 + l] * (x[i] - mean[c0 + l]) + bias[c0 + l] PLUS;   \
    y[i] = v < floor ? 0 : v;                                              \
  }
  // Two loops: a load that depends on a pointer's being null keeps one from being vectorized.
  if (residual) {
#define SUM(W) BODY(W, +residual[i])
    for (size_t r = 0; r < rows; r++) EACH_STRIP(channels, SUM)
#undef SUM
  } else {
#define ALONE(W) BODY(W, )
    for (size_t r = 0; r < rows; r++) EACH_STRIP(channels, ALONE)
#undef ALONE
  }
#undef BODY
}

// dz of channel c0 + l in row r.
#define UPSTREAM                                                                         \
  float v = n->x[r * n->channels + c0 + l] - n->mean[c0 + l];                            \
  float dz = n->dy[r * n->channels + c0 + l];                                            \
  dz = n->rectifies && n->scale[c0 + l] * v + n->bias[c0 + l] <= 0 ? 0 : dz;

CK_CLONES void ck_norm_sums(const ck_norm_rows *norm, double *restrict sum,
                            double *restrict product) {
  const ck_norm_rows copy = *norm, *n = &copy;
  memset(sum, 0, n->channels * sizeof(double));
  memset(product, 0, n->channels * sizeof(double));
  for (size_t r0 = 0; r0 < n->rows; r0 += BLOCK) {
    size_t end = r0 + BLOCK < n->rows ? r0 + BLOCK : n->rows;
#define BODY(W)                                                        \
  float s[LANES] = {0}, p[LANES] = {0};                                \
  for (size_t r = r0; r < end; r++)                                    \
    for (size_t l = 0; l < (W); l++) {                                 \
      UPSTREAM                                                         \
      s[l] += dz;                                                      \
      p[l] += dz * v;                                                  \
    }                                                                  \
  for (size_t l = 0; l < (W); l++) {                                   \
    sum[c0 + l] += (double)s[l];                                       \
    product[c0 + l] += (double)p[l];                                   \
  }
    EACH_STRIP(n->channels, BODY)
#undef BODY
  }
}

CK_CLONES void ck_norm_backward(const ck_norm_rows *norm, const float *restrict slope,
                                const float *restrict offset, float *restrict dx,
                                int accumulates) {
  const ck_norm_rows copy = *norm, *n = &copy;
#define BODY(W)                                                                        \
  for (size_t l = 0; l < (W); l++) {                                                   \
    UPSTREAM                                                                           \
    float d = n->scale[c0 + l] * dz + (slope[c0 + l] * v + offset[c0 + l]);            \
    float *place = &dx[r * n->channels + c0 + l];                                      \
    *place = accumulates ? *place + d : d;                                             \
  }
  for (size_t r = 0; r < n->rows; r++) EACH_STRIP(n->channels, BODY)
#undef BODY
}

CK_CLONES void ck_update_statistic(float *restrict running, const float *restrict sum,
                                   double momentum, double count, size_t n) {
  double keep = 1 - momentum;
  for (size_t i = 0; i < n; i++)
    running[i] = (float)(keep * (double)running[i] + momentum * ((double)sum[i] / count));
}
