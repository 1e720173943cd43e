#include "attention_block.h"
#include "pair_product.h"

// As `attention_float32.c` has it, but matrices hold pairs of bfloat16: two columns of a row ("wide": rows
// as they lie, on the left of a product or transposed on its right) or two rows of a column
// ("tall": on the right of a product, and transposed on its left). Widths are padded to 32.

enum { PAIRS = BLOCK / 2 };

typedef void (*pair_product)(size_t rows, size_t columns, size_t depth, ck_strided a,
                             const float *b, size_t b_row, float *c, size_t c_row,
                             int accumulate);

CK_INLINE pair_product product_of(ck_attention_shape s) {
  return s.products == CK_BFLOAT16_PRODUCTS ? ck_pair_product : ck_pair_product_emulated;
}

CK_INLINE size_t padded_to_pairs(size_t width) { return (width + 31) / 32 * 32; }
CK_INLINE size_t half(size_t n) { return (n + 1) / 2; }

size_t ck_attention_bfloat16_scratch(ck_attention_shape s, int backward) {
  size_t columns = padded_to_pairs(s.width), head = s.length * columns;
  size_t wide = head / 2, tall = half(s.length) * columns, block = PAIRS * columns;
  size_t weights = s.length * BLOCK;
  // Forward: k, v, q, qᵀ, result, weights. Backward: k and v wide, k tall, dk, dv, q wide, tall and
  // transposed, d the same, dq, two of weights, two of pairs of them.
  return backward ? 2 * wide + tall + 2 * head + 8 * block + 3 * weights + BLOCK
                  : wide + tall + 4 * block + weights;
}

// Columns c … c + 15 of a row of `width`, zeros beyond.
CK_INLINE ck_f16 row_part(const float *row, size_t c, size_t width) {
  if (c + 16 <= width) return ck_load16(row + c);
  return c < width ? ck_load_tail(row + c, width - c, 0) : (ck_f16)0.0f;
}

// Sixteen pairs of one element each.
CK_INLINE void store_pairs(float *to, ck_f16 first, ck_f16 second) {
  ck_u16 pairs = ck_nearest_bfloat16(first) | ck_nearest_bfloat16(second) << 16;
  memcpy(to, &pairs, sizeof pairs);
}

// `rows` rows of `width` elements, `stride` apart, times `scale`, to `count` rows of pairs.
CK_INLINE void gather_wide(const float *from, size_t stride, float *to, size_t rows, size_t count,
                           size_t width, float scale) {
  const size_t columns = padded_to_pairs(width);
  memset(to + rows * (columns / 2), 0, (count - rows) * (columns / 2) * sizeof *to);
  for (size_t t = 0; t < rows; t++, from += stride, to += columns / 2)
    for (size_t c = 0; c < columns; c += 16)
      ck_store_bfloat16((uint16_t *)to + c, row_part(from, c, width) * scale);
}

// The same rows by twos; the last one alone meets zeros.
CK_INLINE void gather_tall(const float *from, size_t stride, float *to, size_t rows, size_t width,
                           float scale) {
  const size_t columns = padded_to_pairs(width);
  for (size_t t = 0; t < rows; t += 2, from += 2 * stride, to += columns)
    for (size_t c = 0; c < columns; c += 16) {
      ck_f16 second = t + 1 < rows ? row_part(from + stride, c, width) : (ck_f16)0.0f;
      store_pairs(to + c, row_part(from, c, width) * scale, second * scale);
    }
}

// A block of wide rows [BLOCK, pairs] to [pairs, BLOCK].
CK_INLINE void transpose_pairs(const float *from, float *to, size_t pairs) {
  for (size_t c = 0; c < pairs; c += 16) {
    ck_f16 m[16];
    for (size_t i = 0; i < 16; i++) m[i] = ck_load16(from + i * pairs + c);
    transpose_16(m);
    for (size_t i = 0; i < 16; i++) ck_store16(to + (c + i) * BLOCK, m[i]);
  }
}

// Weights [keys, BLOCK] to pairs of keys, in place allowed, or of queries.
CK_INLINE void pair_keys(const float *from, float *to, size_t keys) {
  for (size_t j = 0; j < keys; j += 2) {
    ck_f16 second = j + 1 < keys ? ck_load16(from + (j + 1) * BLOCK) : (ck_f16)0.0f;
    store_pairs(to + j / 2 * BLOCK, ck_load16(from + j * BLOCK), second);
  }
}

CK_INLINE void pair_queries(const float *from, float *to, size_t keys) {
  for (size_t j = 0; j < keys; j++)
    ck_store_bfloat16((uint16_t *)(to + j * PAIRS), ck_load16(from + j * BLOCK));
}

CK_CLONES void ck_attention_bfloat16(const float *qkv, const float *hidden, float *out,
                                     float *statistics, ck_attention_shape s, float *scratch) {
  const pair_product multiply = product_of(s);
  size_t across = s.heads * s.width, stride = 3 * across;
  size_t columns = padded_to_pairs(s.width), pairs = columns / 2;
  float *k = scratch, *v = k + s.length * pairs, *q = v + half(s.length) * columns;
  float *qt = q + BLOCK * pairs, *result = qt + BLOCK * pairs, *weights = result + BLOCK * columns;
  float scale = 1.0f / __builtin_sqrtf((float)s.width), largest[BLOCK], inverse[BLOCK];
  for (size_t sample = 0; sample < s.samples; sample++)
    for (size_t head = 0; head < s.heads; head++, statistics += 2 * s.length) {
      const float *from = qkv + sample * s.length * stride + head * s.width;
      float *to = out + sample * s.length * across + head * s.width;
      gather_wide(from + across, stride, k, s.length, s.length, s.width, 1);
      gather_tall(from + 2 * across, stride, v, s.length, s.width, 1);
      for (size_t first = 0; first < s.length; first += BLOCK) {
        size_t rows = least(BLOCK, s.length - first);
        seen see = seen_by(s, hidden, sample, first, rows);
        gather_wide(from + first * stride, stride, q, rows, BLOCK, s.width, scale);
        transpose_pairs(q, qt, pairs);
        multiply(see.keys, BLOCK, pairs, (ck_strided){k, pairs, 1}, qt, BLOCK, weights, BLOCK, 0);
        block_softmax(weights, see, largest, inverse);
        pair_keys(weights, weights, see.keys);
        multiply(rows, columns, half(see.keys), (ck_strided){weights, 1, BLOCK}, v, columns, result,
                 columns, 0);
        scatter_rows(result, columns, to + first * across, across, rows, s.width, inverse, 0);
        memcpy(statistics + first, largest, rows * sizeof(float));
        memcpy(statistics + s.length + first, inverse, rows * sizeof(float));
      }
    }
}

CK_CLONES void ck_attention_bfloat16_backward(const float *qkv, const float *hidden,
                                              const float *dout, const float *statistics,
                                              float *dqkv, ck_attention_shape s, float *scratch,
                                              int accumulate) {
  const pair_product multiply = product_of(s);
  size_t across = s.heads * s.width, stride = 3 * across;
  size_t columns = padded_to_pairs(s.width), pairs = columns / 2, head_count = s.length * columns;
  size_t block = PAIRS * columns;
  float *k = scratch, *v = k + head_count / 2, *tall_k = v + head_count / 2;
  float *dk = tall_k + half(s.length) * columns, *dv = dk + head_count, *q = dv + head_count;
  float *tall_q = q + block, *qt = tall_q + block, *d = qt + block, *tall_d = d + block;
  float *dt = tall_d + block, *dq = dt + block, *weights = dq + 2 * block;
  float *dscores = weights + s.length * BLOCK, *by_queries = dscores + s.length * BLOCK;
  float *by_keys = by_queries + s.length * PAIRS;
  float scale = 1.0f / __builtin_sqrtf((float)s.width), scales[BLOCK];
  for (int i = 0; i < BLOCK; i++) scales[i] = scale;
  for (size_t sample = 0; sample < s.samples; sample++)
    for (size_t head = 0; head < s.heads; head++, statistics += 2 * s.length) {
      size_t place = sample * s.length * stride + head * s.width;
      const float *from = qkv + place;
      const float *upstream = dout + sample * s.length * across + head * s.width;
      float *to = dqkv + place;
      gather_wide(from + across, stride, k, s.length, s.length, s.width, 1);
      gather_wide(from + 2 * across, stride, v, s.length, s.length, s.width, 1);
      gather_tall(from + across, stride, tall_k, s.length, s.width, 1);
      memset(dk, 0, head_count * sizeof(float));
      memset(dv, 0, head_count * sizeof(float));
      for (size_t first = 0; first < s.length; first += BLOCK) {
        size_t rows = least(BLOCK, s.length - first);
        seen see = seen_by(s, hidden, sample, first, rows);
        // Queries beyond the last have zeros for rows, and weights of 0.
        float largest[BLOCK] = {0}, inverse[BLOCK] = {0};
        memset(tall_q, 0, block * sizeof(float));
        memset(tall_d, 0, block * sizeof(float));
        gather_wide(from + first * stride, stride, q, rows, BLOCK, s.width, scale);
        gather_tall(from + first * stride, stride, tall_q, rows, s.width, scale);
        transpose_pairs(q, qt, pairs);
        gather_wide(upstream + first * across, across, d, rows, BLOCK, s.width, 1);
        gather_tall(upstream + first * across, across, tall_d, rows, s.width, 1);
        transpose_pairs(d, dt, pairs);
        memcpy(largest, statistics + first, rows * sizeof(float));
        memcpy(inverse, statistics + s.length + first, rows * sizeof(float));
        multiply(see.keys, BLOCK, pairs, (ck_strided){k, pairs, 1}, qt, BLOCK, weights, BLOCK, 0);
        block_weights(weights, see, largest, inverse);
        multiply(see.keys, BLOCK, pairs, (ck_strided){v, pairs, 1}, dt, BLOCK, dscores, BLOCK, 0);
        pair_queries(weights, by_queries, see.keys);
        multiply(see.keys, columns, PAIRS, (ck_strided){by_queries, PAIRS, 1}, tall_d, columns, dv,
                 columns, 1);
        block_softmax_backward(weights, dscores, see.keys);
        pair_queries(dscores, by_queries, see.keys);
        multiply(see.keys, columns, PAIRS, (ck_strided){by_queries, PAIRS, 1}, tall_q, columns, dk,
                 columns, 1);
        pair_keys(dscores, by_keys, see.keys);
        multiply(rows, columns, half(see.keys), (ck_strided){by_keys, 1, BLOCK}, tall_k, columns,
                 dq, columns, 0);
        scatter_rows(dq, columns, to + first * stride, stride, rows, s.width, scales, accumulate);
      }
      scatter_rows(dk, columns, to + across, stride, s.length, s.width, NULL, accumulate);
      scatter_rows(dv, columns, to + 2 * across, stride, s.length, s.width, NULL, accumulate);
    }
}
