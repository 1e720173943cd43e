#include "perceptron.h"
#include "targets.h"

CK_CLONES void ck_perceptron(const float *outputs, const int32_t *labels, float *gradient,
                             size_t rows, size_t classes, ck_loss_sums *sums) {
  double loss = 0, weight = 0;
  for (size_t r = 0; r < rows; r++) {
    const int32_t label = labels[r];
    const int is_ignored = label == CK_IGNORED_LABEL;
    if (!is_ignored && (label < 0 || (size_t)label >= classes)) loss = __builtin_nan("");
    for (size_t c = 0; c < classes; c++) {
      float z = outputs[r * classes + c];
      float error = (float)(z > 0) - (float)(label == (int32_t)c);
      // A NaN is above nothing: it must reach loss and gradient all the same.
      error = z != z ? z : is_ignored ? 0 : error;
      if (!is_ignored) loss += (double)error * (double)z;
      if (gradient) gradient[r * classes + c] = error;
    }
    weight += !is_ignored;
  }
  sums->loss += loss;
  sums->weight += weight;
}
