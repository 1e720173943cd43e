#include "metrics.h"
#include "vectors.h"

// Outputs that stand before the label's: those not smaller in front of it, the larger ones behind
// it. A NaN compares with nothing and counts against the label.
CK_INLINE size_t rank_of(size_t label, const float *x, size_t classes) {
  const float own = x[label];
  unsigned before = own != own;
  for (size_t c = 0; c < label; c++) before += !(x[c] < own);
  for (size_t c = label + 1; c < classes; c++) before += !(x[c] <= own);
  return before;
}

CK_CLONES size_t ck_count_near(const float *outputs, const int32_t *labels, size_t rows,
                               size_t classes, size_t k) {
  size_t near = 0;
  for (size_t r = 0; r < rows; r++) {
    const int32_t label = labels[r];
    if (label < 0 || (size_t)label >= classes) continue;
    near += rank_of((size_t)label, outputs + r * classes, classes) < k;
  }
  return near;
}

CK_CLONES void ck_class_metrics(const float *outputs, const int32_t *labels, size_t rows,
                                size_t classes, ck_metric_sums *sums) {
  for (size_t r = 0; r < rows; r++) sums->count += labels[r] >= 0;
  sums->correct += (double)ck_count_near(outputs, labels, rows, classes, 1);
}

CK_CLONES void ck_binary_metrics(const float *logits, const float *targets, size_t n,
                                 ck_metric_sums *sums) {
  size_t correct = 0;
  for (size_t i = 0; i < n; i++) correct += (logits[i] > 0) == (targets[i] > 0.5f);
  sums->count = (double)n;
  sums->correct = (double)correct;
}

CK_CLONES void ck_value_metrics(const float *predictions, const float *targets, size_t n,
                                ck_metric_sums *sums) {
  double absolute[16] = {0}, squared[16] = {0}, total[16] = {0}, spread[16] = {0};
  for (size_t i = 0; i < n; i++) {
    const double d = (double)predictions[i] - (double)targets[i];
    absolute[i & 15] += d < 0 ? -d : d;
    squared[i & 15] += d * d;
    total[i & 15] += (double)targets[i];
  }
  const double mean = n ? ck_sum_lanes(total) / (double)n : 0;
  for (size_t i = 0; i < n; i++) {
    const double d = (double)targets[i] - mean;
    spread[i & 15] += d * d;
  }
  sums->count = (double)n;
  sums->absolute = ck_sum_lanes(absolute);
  sums->squared = ck_sum_lanes(squared);
  sums->mean = mean;
  sums->spread = ck_sum_lanes(spread);
}

CK_CLONES void ck_largest(const float *outputs, int32_t *labels, size_t rows, size_t classes) {
  for (size_t r = 0; r < rows; r++) {
    const float *x = outputs + r * classes;
    size_t best = 0;
    for (size_t c = 1; c < classes; c++) best = x[c] > x[best] ? c : best;
    labels[r] = (int32_t)best;
  }
}
