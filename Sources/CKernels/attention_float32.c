#include "attention.h"
#include "small_product.h"
#include "vectors.h"

#include <float.h>

// A head at a time: its keys and values are copied together and padded to 16 columns, then sixteen
// queries at once meet all keys they see. Only their weights are ever in memory, a row a key and a
// column a query, so that no maximum or sum runs across a register.
#define BLOCK 16

CK_INLINE size_t padded(size_t n) { return (n + 15) / 16 * 16; }
CK_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t ck_attention_scratch(ck_attention_shape s, int backward) {
  size_t head = s.length * padded(s.width), queries = BLOCK * padded(s.width);
  size_t weights = s.length * BLOCK;
  // Forward: k, v, q, qᵀ, result, weights. Backward: k, v, dk, dv, q, qᵀ, dout, doutᵀ, dq, two of
  // weights.
  return backward ? 4 * head + 5 * queries + 2 * weights : 2 * head + 3 * queries + weights;
}

size_t ck_attention_statistics(ck_attention_shape s) {
  return 2 * s.samples * s.heads * s.length;
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

// Back again: row r times scales[r], where there are such.
CK_INLINE void scatter_rows(const float *from, float *to, size_t stride, size_t rows, size_t width,
                            const float *scales, int accumulate) {
  for (size_t t = 0; t < rows; t++, from += padded(width), to += stride) {
    float scale = scales ? scales[t] : 1;
    size_t c = 0;
    for (; c + 16 <= width; c += 16) {
      ck_f16 value = ck_load16(from + c) * scale;
      ck_store16(to + c, accumulate ? ck_load16(to + c) + value : value);
    }
    if (c < width) {
      ck_f16 value = ck_load16(from + c) * scale;
      if (accumulate) value += ck_load_tail(to + c, width - c, 0);
      ck_store_tail(to + c, value, width - c);
    }
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

// Which keys a block of queries sees.
typedef struct {
  size_t keys, first;  // the first `keys`; the block begins with query `first`
  int is_causal;       // none behind the query
  const float *hidden; // none where this is not 0; may be NULL
} seen;

// The scores of a key, as the queries see it.
CK_INLINE ck_f16 seen_scores(const float *scores, size_t key, seen see) {
  const ck_f16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  if (see.hidden && see.hidden[key] != 0) return -__builtin_inff();
  ck_f16 x = ck_load16(scores + key * BLOCK);
  if (!see.is_causal || key <= see.first) return x;
  return lanes < (float)(key - see.first) ? (ck_f16)-__builtin_inff() : x;
}

// Scores [keys, BLOCK] to e^(score − largest) of each column, in place; the largest, and one over
// the column's sum. A query that sees no key has weights of 0.
CK_INLINE void block_softmax(float *weights, seen see, float *largest, float *inverse) {
  ck_f16 most = -FLT_MAX, sum = 0.0f;
  for (size_t j = 0; j < see.keys; j++) most = ck_max16(seen_scores(weights, j, see), most);
  for (size_t j = 0; j < see.keys; j++) {
    ck_f16 e = ck_exp_nonpositive16(seen_scores(weights, j, see) - most);
    ck_store16(weights + j * BLOCK, e);
    sum += e;
  }
  ck_store16(largest, most);
  ck_store16(inverse, sum == 0.0f ? (ck_f16)0.0f : 1.0f / sum);
}

// Scores to weights, from what forward found of each column.
CK_INLINE void block_weights(float *weights, seen see, const float *largest,
                             const float *inverse) {
  ck_f16 most = ck_load16(largest), scale = ck_load16(inverse);
  for (size_t j = 0; j < see.keys; j++) {
    ck_f16 e = ck_exp_nonpositive16(seen_scores(weights, j, see) - most);
    ck_store16(weights + j * BLOCK, e * scale);
  }
}

// The gradient of the weights to that of the scores, in place.
CK_INLINE void block_softmax_backward(const float *weights, float *d, size_t keys) {
  ck_f16 sum = 0.0f;
  for (size_t j = 0; j < keys * BLOCK; j += BLOCK) sum += ck_load16(weights + j) * ck_load16(d + j);
  for (size_t j = 0; j < keys * BLOCK; j += BLOCK)
    ck_store16(d + j, ck_load16(weights + j) * (ck_load16(d + j) - sum));
}

CK_CLONES void ck_attention(const float *qkv, const float *hidden, float *out, float *statistics,
                            ck_attention_shape s, float *scratch) {
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
        seen see = {s.is_causal ? first + rows : s.length, first, s.is_causal,
                    hidden ? hidden + sample * s.length : NULL};
        gather_rows(from + first * stride, stride, q, rows, s.width, scale);
        transpose_block(q, qt, rows, columns);
        ck_small_product(see.keys, BLOCK, s.width, (ck_strided){k, columns, 1}, qt, BLOCK, weights,
                         BLOCK, 0);
        block_softmax(weights, see, largest, inverse);
        ck_small_product(rows, columns, see.keys, (ck_strided){weights, 1, BLOCK}, v, columns, result,
                         columns, 0);
        scatter_rows(result, to + first * across, across, rows, s.width, inverse, 0);
        memcpy(statistics + first, largest, rows * sizeof(float));
        memcpy(statistics + s.length + first, inverse, rows * sizeof(float));
      }
    }
}

// With weights P = softmax(S): dP = dO·Vᵀ, dS = P ⊙ (dP − Σ P ⊙ dP), dQ = dS·K, dK = dSᵀ·Q,
// dV = Pᵀ·dO.
CK_CLONES void ck_attention_backward(const float *qkv, const float *hidden, const float *dout,
                                     const float *statistics, float *dqkv, ck_attention_shape s,
                                     float *scratch, int accumulate) {
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
        seen see = {s.is_causal ? first + rows : s.length, first, s.is_causal,
                    hidden ? hidden + sample * s.length : NULL};
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
        scatter_rows(dq, to + first * stride, stride, rows, s.width, scales, accumulate);
      }
      scatter_rows(dk, to + across, stride, s.length, s.width, NULL, accumulate);
      scatter_rows(dv, to + 2 * across, stride, s.length, s.width, NULL, accumulate);
    }
}
