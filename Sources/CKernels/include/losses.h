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

/// A label that takes no part: no loss, no gradient, no weight. PyTorch's `ignore_index`.
#define CK_IGNORED_LABEL (-100)

/// Softmax cross-entropy of `rows` rows of `classes` logits against labels y, with class weights w
/// (NULL: all 1) and label smoothing s:
///
///     loss = (1 - s)·w[y]·(-log p[y]) + s/classes·Σ w[c]·(-log p[c]),  weight = w[y]
///
/// Writes the gradient of the SUM where `gradient` is not NULL; it may be `logits` itself. A label
/// outside the classes makes the loss NaN.
void ck_cross_entropy(const float *logits, const int32_t *labels, float *gradient, size_t rows,
                      size_t classes, const float *class_weights, double smoothing,
                      ck_loss_sums *sums);

/// Rows whose first largest output stands at the label.
size_t ck_count_correct(const float *outputs, const int32_t *labels, size_t rows, size_t classes);

/// Σ(prediction - target)²; gradient of the SUM 2(prediction - target) where not null.
void ck_mean_squared_error(const float *prediction, const float *target, float *gradient, size_t n,
                           ck_loss_sums *sums);

/// out = softmax of each row; out may be `logits`.
void ck_softmax(const float *logits, float *out, size_t rows, size_t classes);

/// dx = y·(dy - Σ dy·y) of each row of a softmax's result y.
void ck_softmax_backward(const float *y, const float *dy, float *dx, size_t rows, size_t classes);

/// out = x - max - log Σ e^(x - max) of each row.
void ck_log_softmax(const float *logits, float *out, size_t rows, size_t classes);

/// dx = dy - e^y·Σ dy of each row of a log-softmax's result y.
void ck_log_softmax_backward(const float *y, const float *dy, float *dx, size_t rows,
                             size_t classes);

#endif
