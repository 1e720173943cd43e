#include "losses.h"
#include "targets.h"

CK_CLONES void ck_mean_squared_error(const float *prediction, const float *target, float *gradient,
                                     size_t n, ck_loss_sums *sums) {
  double loss[16] = {0}, absolute[16] = {0};
  size_t i = 0;
  for (; i < n; i++) {
    float difference = prediction[i] - target[i];
    if (gradient) gradient[i] = 2.0f * difference;
    loss[i & 15] += (double)difference * (double)difference;
    absolute[i & 15] += (double)__builtin_fabsf(difference);
  }
  for (int width = 8; width >= 1; width /= 2)
    for (int l = 0; l < width; l++) {
      loss[l] += loss[l + width];
      absolute[l] += absolute[l + width];
    }
  sums->loss += loss[0];
  sums->weight += (double)n;
  sums->absolute += absolute[0];
}
