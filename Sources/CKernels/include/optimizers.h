#ifndef CKERNELS_OPTIMIZERS_H
#define CKERNELS_OPTIMIZERS_H

#include <stddef.h>

// One pass over a slice each. `p` parameters, `g` the gradient (mean, penalized, clipped).
// Formulas and sources stand with the Swift types that call these.

typedef struct {
  float learning_rate, momentum, dampening, weight_decay;
  int nesterov;
  int first_step; // the buffer starts as the gradient
} ck_sgd_settings;

/// `buffer` may be null where momentum is 0.
void ck_sgd(float *p, const float *g, float *buffer, size_t n, const ck_sgd_settings *s);

typedef struct {
  float step_size;   // learning rate / (1 - β1^t)
  float fresh1;      // 1 - β1, rounded from double: 1 - 0.999f is off by 1e-5
  float beta2, fresh2, epsilon;
  float correction2; // sqrt(1 - β2^t)
  float weight_decay; // coupled: g += weight_decay · p
  float shrink;       // decoupled: p *= shrink first; 1 where there is none
} ck_adam_settings;

void ck_adam(float *p, const float *g, float *m, float *v, size_t n, const ck_adam_settings *s);

typedef struct {
  float learning_rate, alpha, fresh, epsilon, momentum, weight_decay; // fresh = 1 - alpha
} ck_rmsprop_settings;

/// `mean` (centered) and `buffer` (momentum) may be null.
void ck_rmsprop(float *p, const float *g, float *square, float *mean, float *buffer, size_t n,
                const ck_rmsprop_settings *s);

#endif
