#ifndef CKERNELS_RECURRENT_CELLS_H
#define CKERNELS_RECURRENT_CELLS_H

// What a cell does with one row of gates, sixteen elements at a time. A row has blocks of `n`
// elements, padded to 16; padding stays 0 in states and gradients.

#include "vectors.h"

// 1/(1 + e^−x) within a few units in the last place.
CK_INLINE ck_f16 logistic(ck_f16 x) {
  ck_f16 e = ck_exp_nonpositive16(x < 0.0f ? x : -x);
  return (x < 0.0f ? e : (ck_f16)1.0f) / (1.0f + e);
}

// (1 − e)/(1 + e) with e = e^(−2|x|); near 0, where that loses digits, the first five terms of
// the series.
CK_INLINE ck_f16 hyperbolic_tangent(ck_f16 x) {
  ck_f16 size = x < 0.0f ? -x : x, e = ck_exp_nonpositive16(-2.0f * size);
  ck_f16 far = (1.0f - e) / (1.0f + e), square = x * x;
  ck_f16 series = square * 2.18694885e-2f - 5.39682540e-2f;
  series = series * square + 1.33333333e-1f;
  series = series * square - 3.33333333e-1f;
  ck_f16 near = x + x * square * series;
  return size < 0.25f ? near : x < 0.0f ? -far : far;
}

// h = tanh(a). Blocks: a.
CK_INLINE void rnn_forward(float *g, float *h, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    ck_f16 state = hyperbolic_tangent(ck_load16(g + i));
    ck_store16(g + i, state);
    ck_store16(h + i, state);
  }
}

// Gates become their gradients; dh becomes what goes straight to the state before, without weights.
CK_INLINE void rnn_backward(float *g, float *dh, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    ck_f16 state = ck_load16(g + i);
    ck_store16(g + i, ck_load16(dh + i) * (1.0f - state * state));
    ck_store16(dh + i, 0.0f);
  }
}

// c = f·c' + i·g, h = o·tanh c. Blocks: i, f, g, o.
CK_INLINE void lstm_forward(float *g, const float *before, float *c, float *h, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    ck_f16 in = logistic(ck_load16(g + i)), forget = logistic(ck_load16(g + n + i));
    ck_f16 new = hyperbolic_tangent(ck_load16(g + 2 * n + i));
    ck_f16 out = logistic(ck_load16(g + 3 * n + i));
    ck_f16 cell = forget * ck_load16(before + i) + in * new;
    ck_store16(g + i, in);
    ck_store16(g + n + i, forget);
    ck_store16(g + 2 * n + i, new);
    ck_store16(g + 3 * n + i, out);
    ck_store16(c + i, cell);
    ck_store16(h + i, out * hyperbolic_tangent(cell));
  }
}

CK_INLINE void lstm_backward(float *g, const float *before, const float *c, float *dh, float *dc,
                             size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    ck_f16 in = ck_load16(g + i), forget = ck_load16(g + n + i);
    ck_f16 new = ck_load16(g + 2 * n + i), out = ck_load16(g + 3 * n + i);
    ck_f16 t = hyperbolic_tangent(ck_load16(c + i)), up = ck_load16(dh + i);
    ck_f16 d = ck_load16(dc + i) + up * out * (1.0f - t * t);
    ck_store16(g + i, d * new * in * (1.0f - in));
    ck_store16(g + n + i, d * ck_load16(before + i) * forget * (1.0f - forget));
    ck_store16(g + 2 * n + i, d * in * (1.0f - new * new));
    ck_store16(g + 3 * n + i, up * t * out * (1.0f - out));
    ck_store16(dc + i, d * forget);
    ck_store16(dh + i, 0.0f);
  }
}

// n = tanh(x part + r·(h part)), h = (1 − z)·n + z·h'. Blocks: x part of n, r, z, h part of n.
CK_INLINE void gru_forward(float *g, const float *before, float *h, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    ck_f16 reset = logistic(ck_load16(g + n + i)), update = logistic(ck_load16(g + 2 * n + i));
    ck_f16 new = hyperbolic_tangent(ck_load16(g + i) + reset * ck_load16(g + 3 * n + i));
    ck_store16(g + i, new);
    ck_store16(g + n + i, reset);
    ck_store16(g + 2 * n + i, update);
    ck_store16(h + i, (1.0f - update) * new + update * ck_load16(before + i));
  }
}

CK_INLINE void gru_backward(float *g, const float *before, float *dh, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    ck_f16 new = ck_load16(g + i), reset = ck_load16(g + n + i), up = ck_load16(dh + i);
    ck_f16 update = ck_load16(g + 2 * n + i), hidden = ck_load16(g + 3 * n + i);
    ck_f16 d = up * (1.0f - update) * (1.0f - new * new);
    ck_store16(g + i, d);
    ck_store16(g + n + i, d * hidden * reset * (1.0f - reset));
    ck_store16(
        g + 2 * n + i, up * (ck_load16(before + i) - new) * update * (1.0f - update));
    ck_store16(g + 3 * n + i, d * reset);
    ck_store16(dh + i, up * update);
  }
}

#endif
