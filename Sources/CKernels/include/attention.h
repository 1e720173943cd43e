#ifndef CKERNELS_ATTENTION_H
#define CKERNELS_ATTENTION_H

#include <stddef.h>

/// Of what its matrix products are, which are added in float32; all else is float32.
typedef enum {
  CK_FLOAT32_PRODUCTS,
  /// Of queries, keys, values, weights and, in backward, gradients of the result and of the scores,
  /// each rounded to bfloat16; by the CPU's own instruction.
  CK_BFLOAT16_PRODUCTS,
  CK_EMULATED_BFLOAT16_PRODUCTS, // the same in float32, on any CPU
} ck_attention_products;

/// Shapes of one attention: qkv is [samples, length, 3·heads·width], queries first, then keys,
/// then values, each head's `width` elements together; the result [samples, length, heads·width].
typedef struct {
  size_t samples, length, heads, width;
  int is_causal; // a query sees the keys up to its own position
  ck_attention_products products;
} ck_attention_shape;

/// Floats of scratch memory each call needs: linear in the length.
size_t ck_attention_scratch(ck_attention_shape shape, int backward);

/// Floats that backward needs of forward: two a query and head.
size_t ck_attention_statistics(ck_attention_shape shape);

/// out = softmax(q·kᵀ/√width)·v for each sample and head. Where `hidden` [samples, length] is not
/// NULL, no query sees the keys it is not 0 for; a query that sees none gets 0.
void ck_attention(const float *qkv, const float *hidden, float *out, float *statistics,
                  ck_attention_shape shape, float *scratch);

/// dqkv (+)= the gradient through `ck_attention`; its weights are computed again from qkv.
void ck_attention_backward(const float *qkv, const float *hidden, const float *dout,
                           const float *statistics, float *dqkv, ck_attention_shape shape,
                           float *scratch, int accumulate);

#endif
