#ifndef CKERNELS_ATTENTION_BLOCK_H
#define CKERNELS_ATTENTION_BLOCK_H

#include "attention_kinds.h"
#include "vectors.h"

#include <float.h>

// A head at a time: its keys and values are copied together and padded to whole registers, then
// sixteen queries at once meet all keys they see. Only their weights are ever in memory, a row a key
// and a column a query, so that no maximum or sum runs across a register.
enum { BLOCK = 16 };

CK_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

// Results [rows, width] to where they belong: row r times scales[r], where there are such.
CK_INLINE void scatter_rows(const float *from, size_t from_stride, float *to, size_t stride,
                            size_t rows, size_t width, const float *scales, int accumulate) {
  for (size_t t = 0; t < rows; t++, from += from_stride, to += stride) {
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

// Which keys a block of queries sees.
typedef struct {
  size_t keys, first;  // the first `keys`; the block begins with query `first`
  int is_causal;       // none behind the query
  const float *hidden; // none where this is not 0; may be NULL
} seen;

// What the `rows` queries from `first` on see of a sample.
CK_INLINE seen seen_by(ck_attention_shape s, const float *hidden, size_t sample, size_t first,
                       size_t rows) {
  return (seen){s.is_causal ? first + rows : s.length, first, s.is_causal,
                hidden ? hidden + sample * s.length : NULL};
}

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

#endif
