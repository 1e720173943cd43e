#ifndef CKERNELS_OPTIMIZERS_H
#define CKERNELS_OPTIMIZERS_H

#include <stddef.h>

// One pass over a slice each: every array is read and written once, and nothing overlaps. `p` are
// parameters, `g` the gradient (mean, penalized, clipped). Formulas and sources stand with the
// Swift types that call these. `weight_decay` is coupled, g += weight_decay · p; `shrink` decoupled,
// p *= shrink first, 1 where there is none. `fresh` is 1 − β, rounded from double: 1 - 0.999f is
// off by 1e-5. `first_step`: state that does not start as zeros takes its first value.

typedef struct {
  float learning_rate, momentum, dampening, weight_decay;
  int nesterov, first_step;
} ck_sgd_settings;

/// `buffer` may be null where momentum is 0.
void ck_sgd(float *p, const float *g, float *buffer, size_t n, const ck_sgd_settings *s);

typedef struct {
  float scaled_rate; // learning rate · local rate of the tensor
  float momentum, weight_decay;
} ck_lars_settings;

void ck_lars(float *p, const float *g, float *buffer, size_t n, const ck_lars_settings *s);

typedef struct {
  float rate_down, rate_up, smallest, largest; // η⁻, η⁺ and the limits of the step size
  float first_size, weight_decay;
  int first_step;
} ck_rprop_settings;

void ck_rprop(float *p, const float *g, float *previous, float *size, size_t n,
              const ck_rprop_settings *s);

typedef struct {
  float learning_rate, beta1, fresh1, beta2, fresh2, shrink;
} ck_lion_settings;

void ck_lion(float *p, const float *g, float *m, size_t n, const ck_lion_settings *s);

typedef struct {
  float rate, initial, epsilon, weight_decay;
  int first_step;
} ck_adagrad_settings;

void ck_adagrad(float *p, const float *g, float *sum, size_t n, const ck_adagrad_settings *s);

typedef struct {
  float learning_rate, rho, fresh, epsilon, weight_decay;
} ck_adadelta_settings;

void ck_adadelta(float *p, const float *g, float *square, float *delta, size_t n,
                 const ck_adadelta_settings *s);

typedef struct {
  float learning_rate, alpha, fresh, epsilon, momentum, weight_decay;
} ck_rmsprop_settings;

/// `mean` (centered) and `buffer` (momentum) may be null.
void ck_rmsprop(float *p, const float *g, float *square, float *mean, float *buffer, size_t n,
                const ck_rmsprop_settings *s);

typedef struct {
  float moment_rate;   // of m / root: learning rate / (1 − β₁ᵗ)
  float gradient_rate; // of g / root, NAdam's
  float fresh1, beta2, fresh2, epsilon;
  float root_factor;   // 1 / √(1 − β₂ᵗ)
  float weight_decay, shrink;
} ck_adam_settings;

void ck_adam(float *p, const float *g, float *m, float *v, size_t n, const ck_adam_settings *s);

/// `largest` is the elementwise maximum of v so far.
void ck_amsgrad(float *p, const float *g, float *m, float *v, float *largest, size_t n,
                const ck_adam_settings *s);

/// `norm` is the infinity norm that takes v's place.
void ck_adamax(float *p, const float *g, float *m, float *norm, size_t n,
               const ck_adam_settings *s);

void ck_nadam(float *p, const float *g, float *m, float *v, size_t n, const ck_adam_settings *s);

/// RAdam before its variance can be trusted: updates m and v, steps along m alone.
void ck_radam_warmup(float *p, const float *g, float *m, float *v, size_t n,
                     const ck_adam_settings *s);

/// Turns g into the direction moment_rate · m / root + weight_decay · p; p stays.
void ck_lamb_direction(const float *p, float *g, float *m, float *v, size_t n,
                       const ck_adam_settings *s);

/// mean += fresh · (p − mean): a running mean of parameters.
void ck_average(float *mean, const float *p, float fresh, size_t n);

/// p -= rate · direction.
void ck_descend(float *p, const float *direction, float rate, size_t n);

#endif
