#ifndef CKERNELS_PERCEPTRON_H
#define CKERNELS_PERCEPTRON_H

#include "losses.h"

/// Threshold units y = z > 0 against labels, one unit a class with the target 1 of its own class
/// and 0 of others. Loss Σ (y - target)·z of `rows` rows, the perceptron criterion: |z| of every
/// unit that is wrong. Writes the gradient of the SUM, y - target, where `gradient` is not NULL.
void ck_perceptron(const float *outputs, const int32_t *labels, float *gradient, size_t rows,
                   size_t classes, ck_loss_sums *sums);

#endif
