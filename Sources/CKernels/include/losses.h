#ifndef CKERNELS_LOSSES_H
#define CKERNELS_LOSSES_H

#include <stddef.h>
#include <stdint.h>

/// Sums over the samples of one plan execution; nothing is divided yet.
typedef struct {
  double loss;
  double weight; // what the mean divides by
} ck_loss_sums;

// Every loss adds to `sums`, and writes the gradient of the SUM where `gradient` is not NULL; the
// gradient may take the outputs' place.

/// A label that takes no part: no loss, no gradient, no weight. PyTorch's `ignore_index`.
#define CK_IGNORED_LABEL (-100)

/// Softmax cross-entropy of `rows` rows of `classes` logits against labels y, with class weights w
/// (NULL: all 1) and label smoothing s:
///
///     loss = (1 - s)·w[y]·(-log p[y]) + s/classes·Σ w[c]·(-log p[c]),  weight = w[y]
///
/// A label outside the classes makes the loss NaN.
void ck_cross_entropy(const float *logits, const int32_t *labels, float *gradient, size_t rows,
                      size_t classes, const float *class_weights, double smoothing,
                      ck_loss_sums *sums);

/// The same against distributions q `[rows, classes]`: -Σ w·q'·log p with q' = (1 - s)·q +
/// s/classes; weight 1 a row. With `relative`, Σ w·q'·log(w·q') is added: the divergence.
void ck_soft_cross_entropy(const float *logits, const float *target, float *gradient, size_t rows,
                           size_t classes, const float *class_weights, double smoothing,
                           int relative, ck_loss_sums *sums);

/// Σ over c ≠ y of max(0, margin - x[y] + x[c]) / classes; weight 1 a row. A label outside the
/// classes makes the loss NaN.
void ck_hinge(const float *outputs, const int32_t *labels, float *gradient, size_t rows,
              size_t classes, float margin, ck_loss_sums *sums);

typedef enum {
  CK_SQUARED,
  CK_HALF_SQUARED,
  CK_ABSOLUTE,
  CK_HUBER,     // parameter: delta
  CK_SMOOTH_L1, // parameter: beta
  CK_BINARY_CROSS_ENTROPY
} ck_element_loss;

/// Losses of single values; weight 1 an element. Formulas: Graph's `ElementLoss`.
void ck_element_losses(ck_element_loss kind, float parameter, const float *prediction,
                       const float *target, float *gradient, size_t n, ck_loss_sums *sums);

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
