#ifndef CKERNELS_LOSSES_H
#define CKERNELS_LOSSES_H

#include <stddef.h>
#include <stdint.h>

/// Sums over the samples of one plan execution; nothing is divided yet.
typedef struct {
  double loss;
  double weight;  // what the mean divides by
  double correct; // classification: rows whose largest output is the target
  double absolute; // regression: Σ|prediction - target|
} ck_loss_sums;

/// Softmax cross-entropy of `rows` rows of `classes` logits against class indices.
/// Writes the gradient of the SUM, softmax - onehot, where `gradient` is not null.
void ck_softmax_cross_entropy(const float *logits, const int32_t *target, float *gradient,
                              size_t rows, size_t classes, ck_loss_sums *sums);

/// Σ(prediction - target)²; gradient of the SUM 2(prediction - target) where not null.
void ck_mean_squared_error(const float *prediction, const float *target, float *gradient, size_t n,
                           ck_loss_sums *sums);

/// out = softmax of each row.
void ck_softmax(const float *logits, float *out, size_t rows, size_t classes);

#endif
