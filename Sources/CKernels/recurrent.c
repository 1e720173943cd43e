#include "recurrent.h"
#include "recurrent_cells.h"
#include "small_product.h"

// Rows of gates are [length, samples], each of blocks padded to 16 columns. The input's product
// fills one window of blocks and the state's product another: the same for RNN and LSTM; for GRU
// the first and the last three of n, r, z, n', because its reset gate comes between x's and h's
// part of n. Products run over the cache in `ck_small_product`, at the speed of oneDNN's (measured
// 115 GFLOP/s for 64×128×512) and without its calls for every step.

typedef struct {
  size_t blocks, gates, state_block; // blocks a row; gates; first block of the state's window
  size_t input_order[4];             // PyTorch's gate in each block of the input's window
} cell_layout;

static cell_layout layout_of(ck_cell cell) {
  switch (cell) {
  case ck_rnn: return (cell_layout){1, 1, 0, {0}};
  case ck_lstm: return (cell_layout){4, 4, 0, {0, 1, 2, 3}};
  default: return (cell_layout){4, 3, 1, {2, 0, 1}};
  }
}

static const size_t in_order[4] = {0, 1, 2, 3};

static size_t padded(size_t n) { return (n + 15) / 16 * 16; }

size_t ck_cell_gates(ck_cell cell) { return layout_of(cell).gates; }

typedef struct {
  float *gates, *states, *cells, *inputs;
} kept_memory;

static kept_memory kept_in(float *memory, ck_recurrent_shape s) {
  size_t rows = s.samples * s.length, h = padded(s.hidden);
  kept_memory m = {.gates = memory};
  m.states = m.gates + rows * layout_of(s.cell).blocks * h;
  m.inputs = m.states + (rows + s.samples) * h;
  m.cells = m.inputs + rows * padded(s.inputs);
  return m;
}

ck_recurrent_memory ck_recurrent_sizes(ck_recurrent_shape s) {
  size_t rows = s.samples * s.length, h = padded(s.hidden), in = padded(s.inputs);
  size_t gates = layout_of(s.cell).gates * h, row = layout_of(s.cell).blocks * h;
  size_t states = (rows + s.samples) * h;
  return (ck_recurrent_memory){
      .kept = rows * row + states + rows * in +
              (s.cell == ck_lstm ? states : 0),
      .forward = (s.inputs + s.hidden) * gates + row,
      .backward = 2 * gates * (h + in) + row + s.samples * (2 * h + in),
  };
}

// weight [gates·hidden, columns] to [columns, gates·padded hidden], gates in `order`.
static void transpose_weight(const float *weight, float *to, const size_t *order, size_t gates,
                             size_t hidden, size_t columns) {
  size_t h = padded(hidden), row = gates * h;
  memset(to, 0, columns * row * sizeof(float));
  for (size_t g = 0; g < gates; g++)
    for (size_t i = 0; i < hidden; i++)
      for (size_t c = 0; c < columns; c++)
        to[c * row + g * h + i] = weight[(order[g] * hidden + i) * columns + c];
}

// weight [gates·hidden, columns] to [gates·padded hidden, padded columns], gates in `order`.
static void pad_weight(const float *weight, float *to, const size_t *order, size_t gates,
                       size_t hidden, size_t columns) {
  size_t h = padded(hidden), width = padded(columns);
  memset(to, 0, gates * h * width * sizeof(float));
  for (size_t g = 0; g < gates; g++)
    for (size_t i = 0; i < hidden; i++)
      memcpy(to + (g * h + i) * width, weight + (order[g] * hidden + i) * columns,
             columns * sizeof(float));
}

// The way back, for a weight's gradient.
static void unpad_weight(const float *from, float *weight, const size_t *order, size_t gates,
                         size_t hidden, size_t columns, int adds) {
  size_t h = padded(hidden), width = padded(columns);
  for (size_t g = 0; g < gates; g++)
    for (size_t i = 0; i < hidden; i++) {
      float *row = weight + (order[g] * hidden + i) * columns;
      for (size_t c = 0; c < columns; c++) {
        float value = from[(g * h + i) * width + c];
        row[c] = adds ? row[c] + value : value;
      }
    }
}

CK_CLONES void ck_recurrent(const float *x, ck_recurrent_weights w, float *y,
                            ck_recurrent_shape s, float *kept, float *scratch) {
  cell_layout layout = layout_of(s.cell);
  size_t h = padded(s.hidden), in = padded(s.inputs), gates = layout.gates * h;
  size_t row = layout.blocks * h, window = layout.state_block * h;
  kept_memory m = kept_in(kept, s);
  float *weight_ih = scratch, *weight_hh = weight_ih + s.inputs * gates;
  float *bias = weight_hh + s.hidden * gates;
  transpose_weight(w.weight_ih, weight_ih, layout.input_order, layout.gates, s.hidden, s.inputs);
  transpose_weight(w.weight_hh, weight_hh, in_order, layout.gates, s.hidden, s.hidden);
  memset(bias, 0, row * sizeof(float));
  for (size_t g = 0; g < layout.gates; g++)
    for (size_t i = 0; i < s.hidden; i++) {
      bias[g * h + i] += w.bias_ih[layout.input_order[g] * s.hidden + i];
      bias[window + g * h + i] += w.bias_hh[g * s.hidden + i];
    }
  memset(m.states, 0, s.samples * h * sizeof(float));
  if (s.cell == ck_lstm) memset(m.cells, 0, s.samples * h * sizeof(float));
  for (size_t t = 0; t < s.length; t++) {
    float *inputs = m.inputs + t * s.samples * in, *g = m.gates + t * s.samples * row;
    float *before = m.states + t * s.samples * h, *state = before + s.samples * h;
    for (size_t b = 0; b < s.samples; b++) {
      memset(inputs + b * in, 0, in * sizeof(float));
      memcpy(inputs + b * in, x + (b * s.length + t) * s.inputs, s.inputs * sizeof(float));
      memcpy(g + b * row, bias, row * sizeof(float));
    }
    ck_small_product(s.samples, gates, s.inputs, (ck_strided){inputs, in, 1}, weight_ih, gates,
                     g, row, 1);
    if (t > 0)
      ck_small_product(s.samples, gates, s.hidden, (ck_strided){before, h, 1}, weight_hh, gates,
                       g + window, row, 1);
    for (size_t b = 0; b < s.samples; b++) {
      float *cells = m.cells + (t * s.samples + b) * h;
      if (s.cell == ck_rnn) rnn_forward(g + b * row, state + b * h, h);
      if (s.cell == ck_lstm)
        lstm_forward(g + b * row, cells, cells + s.samples * h, state + b * h, h);
      if (s.cell == ck_gru) gru_forward(g + b * row, before + b * h, state + b * h, h);
      if (!s.last_only || t + 1 == s.length)
        memcpy(y + (s.last_only ? b : b * s.length + t) * s.hidden, state + b * h,
               s.hidden * sizeof(float));
    }
  }
}

// From sums over gates to a bias' gradient.
static void bias_gradient(const float *sums, const size_t *order, size_t gates, size_t hidden,
                          float *to, int adds) {
  for (size_t g = 0; g < gates; g++)
    for (size_t i = 0; i < hidden; i++) {
      float *place = to + order[g] * hidden + i, value = sums[g * padded(hidden) + i];
      *place = adds ? *place + value : value;
    }
}

CK_CLONES void ck_recurrent_backward(const float *dy, ck_recurrent_weights w,
                                     ck_recurrent_gradients d, ck_recurrent_shape s, float *kept,
                                     float *scratch) {
  cell_layout layout = layout_of(s.cell);
  size_t h = padded(s.hidden), in = padded(s.inputs), gates = layout.gates * h;
  size_t row = layout.blocks * h, window = layout.state_block * h;
  kept_memory m = kept_in(kept, s);
  float *weight_hh = scratch, *weight_ih = weight_hh + gates * h;
  float *sums_hh = weight_ih + gates * in, *sums_ih = sums_hh + gates * h;
  float *bias = sums_ih + gates * in, *dh = bias + row;
  float *dc = dh + s.samples * h, *dx = dc + s.samples * h;
  pad_weight(w.weight_hh, weight_hh, in_order, layout.gates, s.hidden, s.hidden);
  if (d.x)
    pad_weight(w.weight_ih, weight_ih, layout.input_order, layout.gates, s.hidden, s.inputs);
  memset(sums_hh, 0, (gates * (h + in) + row + 2 * s.samples * h) * sizeof(float));
  // A step's gates serve all that depends on them while they are in the cache: sums over all
  // steps at once would read them, strided, from memory again.
  for (size_t t = s.length; t-- > 0;) {
    float *g = m.gates + t * s.samples * row, *before = m.states + t * s.samples * h;
    for (size_t b = 0; b < s.samples; b++) {
      const float *from = dy + (s.last_only ? b : b * s.length + t) * s.hidden;
      if (!s.last_only || t + 1 == s.length)
        for (size_t i = 0; i < s.hidden; i++) dh[b * h + i] += from[i];
      float *cells = m.cells + (t * s.samples + b) * h;
      if (s.cell == ck_rnn) rnn_backward(g + b * row, dh + b * h, h);
      if (s.cell == ck_lstm)
        lstm_backward(g + b * row, cells, cells + s.samples * h, dh + b * h, dc + b * h, h);
      if (s.cell == ck_gru) gru_backward(g + b * row, before + b * h, dh + b * h, h);
      for (size_t i = 0; i < row; i++) bias[i] += g[b * row + i];
    }
    if (d.weight_ih)
      ck_small_product(gates, in, s.samples, (ck_strided){g, 1, row},
                       m.inputs + t * s.samples * in, in, sums_ih, in, 1);
    if (d.x) {
      ck_small_product(s.samples, in, gates, (ck_strided){g, row, 1}, weight_ih, in, dx, in, 0);
      for (size_t b = 0; b < s.samples; b++)
        for (size_t i = 0; i < s.inputs; i++) {
          float *place = d.x + (b * s.length + t) * s.inputs + i, value = dx[b * in + i];
          *place = d.adds_x ? *place + value : value;
        }
    }
    if (t == 0) break; // the state before the first step is zero
    if (d.weight_hh)
      ck_small_product(gates, h, s.samples, (ck_strided){g + window, 1, row}, before, h, sums_hh,
                       h, 1);
    ck_small_product(s.samples, h, gates, (ck_strided){g + window, row, 1}, weight_hh, h, dh, h, 1);
  }
  if (d.weight_ih)
    unpad_weight(sums_ih, d.weight_ih, layout.input_order, layout.gates, s.hidden, s.inputs,
                 d.adds_weight_ih);
  if (d.weight_hh)
    unpad_weight(sums_hh, d.weight_hh, in_order, layout.gates, s.hidden, s.hidden,
                 d.adds_weight_hh);
  if (d.bias_ih)
    bias_gradient(bias, layout.input_order, layout.gates, s.hidden, d.bias_ih, d.adds_bias_ih);
  if (d.bias_hh)
    bias_gradient(bias + window, in_order, layout.gates, s.hidden, d.bias_hh, d.adds_bias_hh);
}
