#include "attention_kinds.h"

size_t ck_attention_statistics(ck_attention_shape s) {
  return 2 * s.samples * s.heads * s.length;
}

size_t ck_attention_scratch(ck_attention_shape s, int backward) {
  return s.products == CK_FLOAT32_PRODUCTS ? ck_attention_float32_scratch(s, backward)
                                           : ck_attention_bfloat16_scratch(s, backward);
}

void ck_attention(const float *qkv, const float *hidden, float *out, float *statistics,
                  ck_attention_shape s, float *scratch) {
  if (s.products == CK_FLOAT32_PRODUCTS)
    ck_attention_float32(qkv, hidden, out, statistics, s, scratch);
  else
    ck_attention_bfloat16(qkv, hidden, out, statistics, s, scratch);
}

void ck_attention_backward(const float *qkv, const float *hidden, const float *dout,
                           const float *statistics, float *dqkv, ck_attention_shape s,
                           float *scratch, int accumulate) {
  if (s.products == CK_FLOAT32_PRODUCTS)
    ck_attention_float32_backward(qkv, hidden, dout, statistics, dqkv, s, scratch, accumulate);
  else
    ck_attention_bfloat16_backward(qkv, hidden, dout, statistics, dqkv, s, scratch, accumulate);
}
