#include "attention.h"
#include "small_product.h"
#include "vectors.h"

// A head at a time: its queries, keys and values are copied together and padded to 16 columns, then
// blocks of 32 queries meet all keys they see. Only such a block's weights are ever in memory.
#define BLOCK 32

CK_INLINE size_t padded(size_t n) { return (n + 15) / 16 * 16; }
CK_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t ck_attention_scratch(ck_attention_shape s, int backward) {
  size_t rows = s.length * padded(s.width), across = padded(s.width) * padded(s.length);
  size_t block = BLOCK * padded(s.length), queries = BLOCK * padded(s.width);
  // Forward: q, kᵀ, v, weights, result. Backward: q, kᵀ, k, vᵀ, dout, dk, dv, two blocks, dq.
  return backward ? 5 * rows + 2 * across + 2 * block + queries
                  : 2 * rows + across + block + queries;
}

// [length, width] out of rows of `stride`, padded with zeros, times `scale`.
CK_INLINE void gather_rows(const float *from, size_t stride, float *to, size_t length, size_t width,
                           float scale) {
  size_t columns = padded(width);
  for (size_t t = 0; t < length; t++) {
    for (size_t c = 0; c < width; c++) to[t * columns + c] = from[t * stride + c] * scale;
    for (size_t c = width; c < columns; c++) to[t * columns + c] = 0;
  }
}

// 16 rows of 16: four times, row i and row i + 8 are dealt out alternately to rows 2i and 2i + 1.
CK_INLINE void transpose_16(ck_f16 m[16]) {
  for (int round = 0; round < 4; round++) {
    ck_f16 next[16];
    for (int i = 0; i < 8; i++) {
      next[2 * i] = __builtin_shufflevector(m[i], m[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5,
                                            21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(m[i], m[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12,
                                                28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; i++) m[i] = next[i];
  }
}

// [length, padded width] to [padded width, padded length], padded with zeros.
CK_INLINE void transpose_head(const float *from, float *to, size_t length, size_t width) {
  size_t columns = padded(length), across = padded(width);
  for (size_t t = 0; t < length; t += 16)
    for (size_t c = 0; c < across; c += 16) {
      ck_f16 m[16];
      for (size_t i = 0; i < 16; i++)
        m[i] = t + i < length ? ck_load16(from + (t + i) * across + c) : (ck_f16)0.0f;
      transpose_16(m);
      for (size_t i = 0; i < 16; i++) ck_store16(to + (c + i) * columns + t, m[i]);
    }
}

CK_INLINE void scatter_rows(const float *from, float *to, size_t stride, size_t length,
                            size_t width, int accumulate) {
  size_t columns = padded(width);
  for (size_t t = 0; t < length; t++)
    for (size_t c = 0; c < width; c++)
      to[t * stride + c] =
          accumulate ? to[t * stride + c] + from[t * columns + c] : from[t * columns + c];
}

// Scores to weights, in place: row r sees all keys, or those up to its own position.
CK_INLINE void block_softmax(float *weights, size_t columns, size_t rows, size_t first,
                             size_t length, int is_causal) {
  for (size_t r = 0; r < rows; r++, weights += columns) {
    // e^(x − max) of what is not seen is 0.
    for (size_t j = is_causal ? first + r + 1 : length; j < columns; j++)
      weights[j] = -__builtin_inff();
    ck_f16 most = ck_load16(weights), sum = 0.0f;
    for (size_t j = 16; j < columns; j += 16) most = ck_max16(ck_load16(weights + j), most);
    float max = ck_largest16(most);
    for (size_t j = 0; j < columns; j += 16) {
      ck_f16 e = ck_exp_nonpositive16(ck_load16(weights + j) - max);
      ck_store16(weights + j, e);
      sum += e;
    }
    float scale = 1.0f / ck_sum16(sum);
    for (size_t j = 0; j < columns; j += 16)
      ck_store16(weights + j, ck_load16(weights + j) * scale);
  }
}

// The gradient of the weights to that of the scores, in place.
CK_INLINE void block_softmax_backward(const float *weights, float *d, size_t columns,
                                      size_t rows) {
  for (size_t r = 0; r < rows; r++, weights += columns, d += columns) {
    ck_f16 sum = 0.0f;
    for (size_t j = 0; j < columns; j += 16) sum += ck_load16(weights + j) * ck_load16(d + j);
    float mean = ck_sum16(sum);
    for (size_t j = 0; j < columns; j += 16)
      ck_store16(d + j, ck_load16(weights + j) * (ck_load16(d + j) - mean));
  }
}

CK_CLONES void ck_attention(const float *qkv, float *out, ck_attention_shape s, float *scratch) {
  size_t stride = 3 * s.heads * s.width, columns = padded(s.width), keys = padded(s.length);
  float *q = scratch, *kt = q + s.length * columns, *v = kt + columns * keys;
  float *weights = v + s.length * columns, *result = weights + BLOCK * keys;
  float scale = 1.0f / __builtin_sqrtf((float)s.width);
  for (size_t sample = 0; sample < s.samples; sample++)
    for (size_t head = 0; head < s.heads; head++) {
      const float *from = qkv + sample * s.length * stride + head * s.width;
      float *to = out + (sample * s.length * s.heads + head) * s.width;
      gather_rows(from, stride, q, s.length, s.width, scale);
      gather_rows(from + s.heads * s.width, stride, v, s.length, s.width, 1);
      transpose_head(v, kt, s.length, s.width);
      gather_rows(from + 2 * s.heads * s.width, stride, v, s.length, s.width, 1);
      for (size_t first = 0; first < s.length; first += BLOCK) {
        size_t rows = least(BLOCK, s.length - first);
        size_t seen = s.is_causal ? first + rows : s.length, seen16 = padded(seen);
        ck_small_product(rows, seen16, s.width, (ck_strided){q + first * columns, columns, 1}, kt,
                         keys, weights, seen16, 0);
        block_softmax(weights, seen16, rows, first, s.length, s.is_causal);
        ck_small_product(rows, columns, seen, (ck_strided){weights, seen16, 1}, v, columns,
                         result, columns, 0);
        scatter_rows(result, to + first * s.heads * s.width, s.heads * s.width, rows, s.width, 0);
      }
    }
}

// With weights P = softmax(S): dP = dO·Vᵀ, dS = P ⊙ (dP − Σ P ⊙ dP), dQ = dS·K, dK = dSᵀ·Q,
// dV = Pᵀ·dO.
CK_CLONES void ck_attention_backward(const float *qkv, const float *dout, float *dqkv,
                                     ck_attention_shape s, float *scratch, int accumulate) {
  size_t stride = 3 * s.heads * s.width, columns = padded(s.width), keys = padded(s.length);
  size_t rows_count = s.length * columns;
  float *q = scratch, *k = q + rows_count, *d = k + rows_count, *dk = d + rows_count;
  float *dv = dk + rows_count, *kt = dv + rows_count, *vt = kt + columns * keys;
  float *weights = vt + columns * keys, *dscores = weights + BLOCK * keys;
  float *dq = dscores + BLOCK * keys;
  float scale = 1.0f / __builtin_sqrtf((float)s.width);
  size_t across = s.heads * s.width;
  for (size_t sample = 0; sample < s.samples; sample++)
    for (size_t head = 0; head < s.heads; head++) {
      size_t place = sample * s.length * stride + head * s.width;
      const float *from = qkv + place;
      float *to = dqkv + place;
      gather_rows(from, stride, q, s.length, s.width, scale);
      gather_rows(from + across, stride, k, s.length, s.width, scale);
      // The places of gradients take keys and values on their way.
      gather_rows(from + across, stride, dk, s.length, s.width, 1);
      transpose_head(dk, kt, s.length, s.width);
      gather_rows(from + 2 * across, stride, dv, s.length, s.width, 1);
      transpose_head(dv, vt, s.length, s.width);
      gather_rows(dout + (sample * s.length * s.heads + head) * s.width, across, d, s.length,
                  s.width, 1);
      memset(dk, 0, rows_count * sizeof(float));
      memset(dv, 0, rows_count * sizeof(float));
      for (size_t first = 0; first < s.length; first += BLOCK) {
        size_t rows = least(BLOCK, s.length - first);
        size_t seen = s.is_causal ? first + rows : s.length, seen16 = padded(seen);
        const float *block_q = q + first * columns, *block_d = d + first * columns;
        ck_small_product(rows, seen16, s.width, (ck_strided){block_q, columns, 1}, kt, keys,
                         weights, seen16, 0);
        block_softmax(weights, seen16, rows, first, s.length, s.is_causal);
        ck_small_product(rows, seen16, s.width, (ck_strided){block_d, columns, 1}, vt, keys,
                         dscores, seen16, 0);
        ck_small_product(seen, columns, rows, (ck_strided){weights, 1, seen16}, block_d, columns,
                         dv, columns, 1);
        block_softmax_backward(weights, dscores, seen16, rows);
        ck_small_product(seen, columns, rows, (ck_strided){dscores, 1, seen16}, block_q, columns,
                         dk, columns, 1);
        ck_small_product(rows, columns, seen, (ck_strided){dscores, seen16, 1}, k, columns,
                         dq, columns, 0);
        scatter_rows(dq, to + first * stride, stride, rows, s.width, accumulate);
      }
      scatter_rows(dk, to + across, stride, s.length, s.width, accumulate);
      scatter_rows(dv, to + 2 * across, stride, s.length, s.width, accumulate);
    }
}
