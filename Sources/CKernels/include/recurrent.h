#ifndef CKERNELS_RECURRENT_H
#define CKERNELS_RECURRENT_H

#include <stddef.h>

/// The cells, in PyTorch's variants and gate orders: tanh RNN; LSTM i, f, g, o; GRU r, z, n with
/// its reset gate after the product.
typedef enum { ck_rnn, ck_lstm, ck_gru } ck_cell;

typedef struct {
  ck_cell cell;
  size_t samples, length, inputs, hidden;
  int last_only; // the result is the last step [samples, hidden], not [samples, length, hidden]
} ck_recurrent_shape;

/// PyTorch's parameters of one layer: weight_ih [gates·hidden, inputs], weight_hh
/// [gates·hidden, hidden], bias_ih and bias_hh [gates·hidden].
typedef struct {
  const float *weight_ih, *weight_hh, *bias_ih, *bias_hh;
} ck_recurrent_weights;

/// Where gradients go; null ones are left out. A set flag adds to what is there.
typedef struct {
  float *x, *weight_ih, *weight_hh, *bias_ih, *bias_hh;
  int adds_x, adds_weight_ih, adds_weight_hh, adds_bias_ih, adds_bias_hh;
} ck_recurrent_gradients;

/// Floats kept from forward to backward, and needed during each.
typedef struct {
  size_t kept, forward, backward;
} ck_recurrent_memory;

/// Gates of a cell: rows of its weights divided by `hidden`.
size_t ck_cell_gates(ck_cell cell);
ck_recurrent_memory ck_recurrent_sizes(ck_recurrent_shape shape);

/// One layer over x [samples, length, inputs] from a zero state.
void ck_recurrent(const float *x, ck_recurrent_weights weights, float *y, ck_recurrent_shape shape,
                  float *kept, float *scratch);

/// Its gradients from dy, shaped as y. Overwrites what forward kept.
void ck_recurrent_backward(const float *dy, ck_recurrent_weights weights,
                           ck_recurrent_gradients gradients, ck_recurrent_shape shape, float *kept,
                           float *scratch);

#endif
