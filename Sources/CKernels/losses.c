#include "losses.h"
#include "vectors.h"

typedef struct {
  double value;
  float slope;
} point;

// One element's loss and its derivative. NaN fails every comparison and comes out as NaN.
CK_INLINE point element(ck_element_loss kind, float x, float target, float parameter) {
  const float d = x - target, size = __builtin_fabsf(d);
  const float sign = d > 0 ? 1.0f : d < 0 ? -1.0f : d;
  switch (kind) {
  case CK_SQUARED:
    return (point){(double)d * (double)d, 2.0f * d};
  case CK_HALF_SQUARED:
    return (point){0.5 * (double)d * (double)d, d};
  case CK_ABSOLUTE:
    return (point){(double)size, sign};
  case CK_HUBER:
    if (size <= parameter) return (point){0.5 * (double)d * (double)d, d};
    return (point){(double)parameter * ((double)size - 0.5 * (double)parameter), parameter * sign};
  case CK_SMOOTH_L1:
    if (size < parameter)
      return (point){0.5 * (double)d * (double)d / (double)parameter, d / parameter};
    return (point){(double)size - 0.5 * (double)parameter, sign};
  case CK_BINARY_CROSS_ENTROPY: {
    // log(1 + e^x) − target·x, with the exponential of a number that is never positive.
    const float e = ck_exp_nonpositive(x > 0 ? -x : x), positive = x < 0 ? 0 : x;
    const double tail = e >= 0 ? ck_log_positive(1 + (double)e) : (double)e;
    const float probability = (x < 0 ? e : 1.0f) / (1.0f + e);
    return (point){(double)positive - (double)x * (double)target + tail, probability - target};
  }
  }
  __builtin_unreachable();
}

CK_INLINE double sum_elements(ck_element_loss kind, float parameter, const float *x,
                              const float *target, float *gradient, size_t n) {
  double lane[16] = {0};
  for (size_t start = 0; start < n; start += 16) {
    const size_t length = n - start < 16 ? n - start : 16;
    for (size_t l = 0; l < length; l++) {
      const point p = element(kind, x[start + l], target[start + l], parameter);
      lane[l] += p.value;
      if (gradient) gradient[start + l] = p.slope;
    }
  }
  return ck_sum_lanes(lane);
}

CK_CLONES void ck_element_losses(ck_element_loss kind, float parameter, const float *x,
                                 const float *target, float *gradient, size_t n,
                                 ck_loss_sums *sums) {
  double loss = 0;
  // A constant kind in each call: one loop without branches a loss.
  switch (kind) {
#define CASE(k) case k: loss = sum_elements(k, parameter, x, target, gradient, n); break;
    CASE(CK_SQUARED)
    CASE(CK_HALF_SQUARED)
    CASE(CK_ABSOLUTE)
    CASE(CK_HUBER)
    CASE(CK_SMOOTH_L1)
    CASE(CK_BINARY_CROSS_ENTROPY)
#undef CASE
  }
  sums->loss += loss;
  sums->weight += (double)n;
}

CK_CLONES void ck_hinge(const float *outputs, const int32_t *labels, float *gradient, size_t rows,
                        size_t classes, float margin, ck_loss_sums *sums) {
  double loss = 0, weight = 0;
  const float share = 1.0f / (float)classes;
  for (size_t r = 0; r < rows; r++) {
    const float *x = outputs + r * classes;
    float *g = gradient ? gradient + r * classes : NULL;
    const int32_t label = labels[r];
    if (label < 0 || (size_t)label >= classes) {
      if (label != CK_IGNORED_LABEL) loss = __builtin_nan("");
      if (g) memset(g, 0, classes * sizeof(float));
      continue;
    }
    const float at_label = x[label];
    double row = 0, slopes = 0;
    for (size_t c = 0; c < classes; c++) {
      const float short_by = c == (size_t)label ? 0 : margin - at_label + x[c];
      // NaN is neither and stays.
      const float slope = short_by > 0 ? share : short_by <= 0 ? 0 : short_by;
      row += short_by <= 0 ? 0 : (double)short_by;
      slopes += (double)slope;
      if (g) g[c] = slope;
    }
    if (g) g[label] = -(float)slopes;
    loss += row / (double)classes;
    weight += 1;
  }
  sums->loss += loss;
  sums->weight += weight;
}
