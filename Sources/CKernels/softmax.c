#include "losses.h"
#include "vectors.h"

#include <float.h>

// Floats are summed over a stretch, stretches in double: rows may have a hundred thousand classes.
enum { STRETCH = 1024 };

// The largest number of a row. A NaN never wins a comparison; it reaches the loss through its
// exponential. −FLT_MAX where there is no number: −∞ then has the exponential 0, not a NaN.
CK_INLINE float row_max(const float *x, size_t n) {
  ck_f16 a = -FLT_MAX, b = -FLT_MAX;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    a = ck_max16(ck_load16(x + i), a);
    b = ck_max16(ck_load16(x + i + 16), b);
  }
  float max = ck_largest16(ck_max16(a, b));
  for (; i < n; i++) max = x[i] > max ? x[i] : max;
  return max;
}

// Σ e^(x − max), and the terms where `out` is not NULL; it may be x.
CK_INLINE double exponentials(const float *x, float *out, size_t n, float max) {
  double total = 0;
  for (size_t start = 0; start < n; start += STRETCH) {
    const size_t end = n - start < STRETCH ? n : start + STRETCH;
    ck_f16 sum = 0.0f;
    size_t i = start;
    for (; i + 16 <= end; i += 16) {
      ck_f16 e = ck_exp_nonpositive16(ck_load16(x + i) - max);
      if (out) ck_store16(out + i, e);
      sum += e;
    }
    if (i < end) {
      ck_f16 e = ck_exp_nonpositive16(ck_load_tail(x + i, end - i, -__builtin_inff()) - max);
      if (out) ck_store_tail(out + i, e, end - i);
      sum += e;
    }
    total += (double)ck_sum16(sum);
  }
  return total;
}

CK_CLONES void ck_softmax(const float *logits, float *out, size_t rows, size_t classes) {
  for (size_t r = 0; r < rows; r++) {
    const float *x = logits + r * classes;
    float *y = out + r * classes;
    const float scale = (float)(1 / exponentials(x, y, classes, row_max(x, classes)));
    for (size_t c = 0; c < classes; c++) y[c] *= scale;
  }
}

CK_CLONES void ck_softmax_backward(const float *restrict y, const float *restrict dy,
                                   float *restrict dx, size_t rows, size_t classes) {
  for (size_t start = 0; start < rows * classes; start += classes) {
    double dot = 0;
    for (size_t c = start; c < start + classes; c++) dot += (double)dy[c] * (double)y[c];
    for (size_t c = start; c < start + classes; c++) dx[c] = y[c] * (dy[c] - (float)dot);
  }
}

CK_CLONES void ck_log_softmax(const float *logits, float *out, size_t rows, size_t classes) {
  for (size_t r = 0; r < rows; r++) {
    const float *x = logits + r * classes;
    const float max = row_max(x, classes);
    const double sum = exponentials(x, NULL, classes, max);
    // The largest logit adds 1 to the sum: below 1 there was a NaN, or nothing finite.
    const double log_sum = sum >= 1 && sum < DBL_MAX ? ck_log_positive(sum) : __builtin_nan("");
    for (size_t c = 0; c < classes; c++)
      out[r * classes + c] = (float)((double)(x[c] - max) - log_sum);
  }
}

// dx = dy − e^y·sum.
CK_INLINE void log_softmax_row(const float *y, const float *dy, float *dx, size_t n, float sum) {
  for (size_t i = 0; i < n; i += 16) {
    const size_t rest = n - i < 16 ? n - i : 16;
    ck_f16 p = ck_exp_nonpositive16(ck_load_tail(y + i, rest, 0));
    ck_store_tail(dx + i, ck_load_tail(dy + i, rest, 0) - p * sum, rest);
  }
}

CK_CLONES void ck_log_softmax_backward(const float *y, const float *dy, float *dx, size_t rows,
                                       size_t classes) {
  for (size_t start = 0; start < rows * classes; start += classes) {
    double sum = 0;
    for (size_t c = start; c < start + classes; c++) sum += (double)dy[c];
    log_softmax_row(y + start, dy + start, dx + start, classes, (float)sum);
  }
}

// Σ w·(max − x): what smoothing adds to a row's loss, all classes alike.
CK_INLINE double weighted_distance(const float *x, const float *weights, size_t n, float max) {
  double lanes[16] = {0};
  for (size_t i = 0; i < n; i++) {
    double distance = (double)max - (double)x[i];
    lanes[i & 15] += weights ? (double)weights[i] * distance : distance;
  }
  return ck_sum_lanes(lanes);
}

CK_CLONES void ck_cross_entropy(const float *logits, const int32_t *labels, float *gradient,
                                size_t rows, size_t classes, const float *class_weights,
                                double smoothing, ck_loss_sums *sums) {
  double loss = 0, weight = 0, all_weights = (double)classes;
  if (class_weights) {
    all_weights = 0;
    for (size_t c = 0; c < classes; c++) all_weights += (double)class_weights[c];
  }
  const double hard = 1 - smoothing, soft = smoothing / (double)classes;
  for (size_t r = 0; r < rows; r++) {
    const float *x = logits + r * classes;
    float *g = gradient ? gradient + r * classes : NULL;
    const int32_t label = labels[r];
    if (label == CK_IGNORED_LABEL) {
      if (g) memset(g, 0, classes * sizeof(float));
      continue;
    }
    if (label < 0 || (size_t)label >= classes) {
      loss = __builtin_nan("");
      if (g) memset(g, 0, classes * sizeof(float));
      continue;
    }
    // All that is read of x: its place may be the gradient's.
    const double own = class_weights ? (double)class_weights[label] : 1;
    const float max = row_max(x, classes), below = max - x[label];
    const double spread = soft > 0 ? weighted_distance(x, class_weights, classes, max) : 0;
    const double sum = exponentials(x, g, classes, max);
    // The largest logit adds 1 to the sum: below 1 there was a NaN, or nothing finite.
    const double log_sum = sum >= 1 && sum < DBL_MAX ? ck_log_positive(sum) : __builtin_nan("");
    loss += hard * own * ((double)below + log_sum) + soft * (spread + all_weights * log_sum);
    weight += own;
    if (!g) continue;
    const float scale = (float)((hard * own + soft * all_weights) / sum);
    for (size_t c = 0; c < classes; c++) g[c] *= scale;
    if (soft > 0)
      for (size_t c = 0; c < classes; c++)
        g[c] -= (float)soft * (class_weights ? class_weights[c] : 1.0f);
    g[label] -= (float)(hard * own);
  }
  sums->loss += loss;
  sums->weight += weight;
}

CK_CLONES void ck_soft_cross_entropy(const float *logits, const float *target, float *gradient,
                                     size_t rows, size_t classes, const float *class_weights,
                                     double smoothing, int relative, ck_loss_sums *sums) {
  double loss = 0;
  const double hard = 1 - smoothing, soft = smoothing / (double)classes;
  for (size_t r = 0; r < rows; r++) {
    const float *x = logits + r * classes, *t = target + r * classes;
    float *g = gradient ? gradient + r * classes : NULL;
    const float max = row_max(x, classes);
    double spread = 0, mass = 0, entropy = 0;
    for (size_t c = 0; c < classes; c++) {
      const double q = (hard * (double)t[c] + soft) * (class_weights ? (double)class_weights[c] : 1);
      mass += q;
      // 0·∞ is 0 here: a class that is masked out and not expected costs nothing.
      if (q != 0) spread += q * ((double)max - (double)x[c]);
      if (relative && q != 0) entropy += q > 0 ? q * ck_log_positive(q) : __builtin_nan("");
    }
    const double sum = exponentials(x, g, classes, max);
    const double log_sum = sum >= 1 && sum < DBL_MAX ? ck_log_positive(sum) : __builtin_nan("");
    loss += spread + mass * log_sum + entropy;
    if (!g) continue;
    const float scale = (float)(mass / sum);
    for (size_t c = 0; c < classes; c++) {
      const double q = (hard * (double)t[c] + soft) * (class_weights ? (double)class_weights[c] : 1);
      g[c] = g[c] * scale - (float)q;
    }
  }
  sums->loss += loss;
  sums->weight += (double)rows;
}
