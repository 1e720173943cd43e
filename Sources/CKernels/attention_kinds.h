#ifndef CKERNELS_ATTENTION_KINDS_H
#define CKERNELS_ATTENTION_KINDS_H

#include "attention.h"

// What `attention.h` declares, for each kind of products.
size_t ck_attention_float32_scratch(ck_attention_shape s, int backward);
size_t ck_attention_bfloat16_scratch(ck_attention_shape s, int backward);

void ck_attention_float32(const float *qkv, const float *hidden, float *out, float *statistics,
                          ck_attention_shape s, float *scratch);
void ck_attention_bfloat16(const float *qkv, const float *hidden, float *out, float *statistics,
                           ck_attention_shape s, float *scratch);

void ck_attention_float32_backward(const float *qkv, const float *hidden, const float *dout,
                                   const float *statistics, float *dqkv, ck_attention_shape s,
                                   float *scratch, int accumulate);
void ck_attention_bfloat16_backward(const float *qkv, const float *hidden, const float *dout,
                                    const float *statistics, float *dqkv, ck_attention_shape s,
                                    float *scratch, int accumulate);

#endif
