#include "attention_block.h"
#include "small_product.h"

CK_INLINE size_t padded(size_t n) { return (n + 15) / 16 * 16; }

size_t ck_attention_float32_scratch(ck_attention_shape s, int backward) {
  size_t head = s.length * padded(s.width), queries = BLOCK * padded(s.width);
  size_t weights = s.length * BLOCK;
  // Forward: k, v, q, qᵀ, result, weights. Backward: k, v, dk, dv, q, qᵀ, dout, doutᵀ, dq, two of
  // weights.
  return backward ? 4 * head + 5 * queries + 2 * weights : 2 * head + 3 * queries + weights;
}

// `rows` rows of `width` elements, `stride` apart, to rows padded with zeros, times `scale`.
CK_INLINE void gather_rows(const float *from, size_t stride, float *to, size_t rows, size_t width,
                           float scale) {
  for (size_t t = 0; t < rows; t++, from += stride, to += padded(width)) {
    size_t c = 0;
    for (; c + 16 <= width; c += 16) ck_store16(to + c, ck_load16(from + c) * scale);
    if (c < width) ck_store16(to + c, ck_load_tail(from + c, width - c, 0) * scale);
  }
}

// A block of queries [rows, columns] to [columns, BLOCK], padded with zeros.
CK_INLINE void transpose_block(const float *from, float *to, size_t rows, size_t columns) {
  for (size_t c = 0; c < columns; c += 16) {
    ck_f16 m[16];
    for (size_t i = 0; i < 16; i++)
      m[i] = i < rows ? ck_load16(from + i * columns + c) : (ck_f16)0.0f;
    transpose_16(m);
    for (size_t i = 0; i < 16; i++) ck_store16(to + (c + i) * BLOCK, m[i]);
  }
}

CK_CLONES void ck_attention_float32(const float *qkv, const float *hidden, float *out,
                                    float *statistics, ck_attention_shape s, float *scratch) {
  size_t across = s.heads * s.width, stride = 3 * across, columns = padded(s.width);
  float *k = scratch, *v = k + s.length * columns, *q = v + s.length * columns;
  float *qt = q + BLOCK * columns, *result = qt + BLOCK * columns;
  float *weights = result + BLOCK * columns;
  float scale = 1.0f / __builtin_sqrtf((float)s.width), largest[BLOCK], inverse[BLOCK];
  for (size_t sample = 0; sample < s.samples; sample++)
    for (size_t head = 0; head < s.heads; head++, statistics += 2 * s.length) {
      const float *from = qkv + sample * s.length * stride + head * s.width;
      float *to = out + sample * s.length * across + head * s.width;
      gather_rows(from + across, stride, k, s.length, s.width, 1);
      gather_rows(from + 2 * across, stride, v, s.length, s.width, 1);
      for (size_t first = 0; first < s.length; first += BLOCK) {
        size_t rows = least(BLOCK, s.length - first);
        seen see = seen_by(s, hidden, sample, first, rows);
        gather_rows(from + first * stride, stride, q, rows, s.width, scale);
        transpose_block(q, qt, rows, columns);
        ck_small_product(see.keys, BLOCK, s.width, (ck_strided){k, columns, 1}, qt, BLOCK, weights,
                         BLOCK, 0);
        block_softmax(weights, see, largest, inverse);
        ck_small_product(rows, columns, see.keys, (ck_strided){weights, 1, BLOCK}, v, columns, result,
                         columns, 0);
        scatter_rows(result, columns, to + first * across, across, rows, s.width, inverse, 0);
        memcpy(statistics + first, largest, rows * sizeof(float));
        memcpy(statistics + s.length + first, inverse, rows * sizeof(float));
      }
    }
}

// With weights P = softmax(S): dP = dO·Vᵀ, dS = P ⊙ (dP − Σ P ⊙ dP), dQ = dS·K, dK = dSᵀ·Q,
// dV = Pᵀ·dO.
CK_CLONES void ck_attention_float32_backward(const float *qkv, const float *hidden,
                                             const float *dout, const float *statistics,
                                             float *dqkv, ck_attention_shape s, float *scratch,
                                             int accumulate) {
  size_t across = s.heads * s.width, stride = 3 * across, columns = padded(s.width);
  size_t head_count = s.length * columns, block_count = BLOCK * columns;
  float *k = scratch, *v = k + head_count, *dk = v + head_count, *dv = dk + head_count;
  float *q = dv + head_count, *qt = q + block_count, *d = qt + block_count;
  float *dt = d + block_count, *dq = dt + block_count, *weights = dq + block_count;
  float *dscores = weights + s.length * BLOCK;
  float scale = 1.0f / __builtin_sqrtf((float)s.width), scales[BLOCK];
  float largest[BLOCK] = {0}, inverse[BLOCK] = {0};
  for (int i = 0; i < BLOCK; i++) scales[i] = scale;
  for (size_t sample = 0; sample < s.samples; sample++)
    for (size_t head = 0; head < s.heads; head++, statistics += 2 * s.length) {
      size_t place = sample * s.length * stride + head * s.width;
      const float *from = qkv + place;
      const float *upstream = dout + sample * s.length * across + head * s.width;
      float *to = dqkv + place;
      gather_rows(from + across, stride, k, s.length, s.width, 1);
      gather_rows(from + 2 * across, stride, v, s.length, s.width, 1);
      memset(dk, 0, head_count * sizeof(float));
      memset(dv, 0, head_count * sizeof(float));
      for (size_t first = 0; first < s.length; first += BLOCK) {
        size_t rows = least(BLOCK, s.length - first);
        seen see = seen_by(s, hidden, sample, first, rows);
        gather_rows(from + first * stride, stride, q, rows, s.width, scale);
        transpose_block(q, qt, rows, columns);
        gather_rows(upstream + first * across, across, d, rows, s.width, 1);
        transpose_block(d, dt, rows, columns);
        memcpy(largest, statistics + first, rows * sizeof(float));
        memcpy(inverse, statistics + s.length + first, rows * sizeof(float));
        ck_small_product(see.keys, BLOCK, s.width, (ck_strided){k, columns, 1}, qt, BLOCK, weights,
                         BLOCK, 0);
        block_weights(weights, see, largest, inverse);
        ck_small_product(see.keys, BLOCK, s.width, (ck_strided){v, columns, 1}, dt, BLOCK, dscores,
                         BLOCK, 0);
        ck_small_product(see.keys, columns, rows, (ck_strided){weights, BLOCK, 1}, d, columns, dv,
                         columns, 1);
        block_softmax_backward(weights, dscores, see.keys);
        ck_small_product(see.keys, columns, rows, (ck_strided){dscores, BLOCK, 1}, q, columns, dk,
                         columns, 1);
        ck_small_product(rows, columns, see.keys, (ck_strided){dscores, 1, BLOCK}, k, columns, dq,
                         columns, 0);
        scatter_rows(dq, columns, to + first * stride, stride, rows, s.width, scales, accumulate);
      }
      scatter_rows(dk, columns, to + across, stride, s.length, s.width, NULL, accumulate);
      scatter_rows(dv, columns, to + 2 * across, stride, s.length, s.width, NULL, accumulate);
    }
}
