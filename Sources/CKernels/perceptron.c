#include "perceptron.h"
#include "targets.h"

CK_CLONES void ck_perceptron(const float *outputs, const int32_t *labels, float *gradient,
                             size_t rows, size_t classes, ck_loss_sums *sums) {
  double loss = 0;
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < classes; c++) {
      float z = outputs[r * classes + c];
      float error = (float)(z > 0) - (float)(labels[r] == (int32_t)c);
      // A NaN is above nothing; its product carries it into the loss.
      loss += (double)error * (double)z + (z != z ? (double)z : 0);
      if (gradient) gradient[r * classes + c] = error;
    }
  sums->loss += loss;
  sums->weight += (double)rows;
}
