#ifndef CKERNELS_METRICS_H
#define CKERNELS_METRICS_H

#include <stddef.h>
#include <stdint.h>

/// What the figures beside the loss are made of, over the samples of one evaluation chunk.
typedef struct {
  double count;    // labels not ignored, or values
  double correct;  // labels at the first largest output
  double absolute; // Σ|prediction - target|
  double squared;  // Σ(prediction - target)²
  double mean;     // of the targets
  double spread;   // Σ(target - mean)²
} ck_metric_sums;

/// Labels against `[rows, classes]` outputs; a label below 0 does not count.
void ck_class_metrics(const float *outputs, const int32_t *labels, size_t rows, size_t classes,
                      ck_metric_sums *sums);

/// Labels whose output is among the k largest of their row. Of equal outputs the first is the
/// larger; a NaN at the label is never among them.
size_t ck_count_near(const float *outputs, const int32_t *labels, size_t rows, size_t classes,
                     size_t k);

/// Logits against probabilities: correct where both are on one side of one half.
void ck_binary_metrics(const float *logits, const float *targets, size_t n, ck_metric_sums *sums);

/// Values against predictions.
void ck_value_metrics(const float *predictions, const float *targets, size_t n,
                      ck_metric_sums *sums);

/// The first largest output of each row.
void ck_largest(const float *outputs, int32_t *labels, size_t rows, size_t classes);

#endif
