#ifndef CKERNELS_PAIR_PRODUCT_H
#define CKERNELS_PAIR_PRODUCT_H

#include "small_product.h"

// `ck_small_product` of bfloat16, sums in float: each element of A and B is a pair, those of depth
// 2k and 2k + 1, the first in the lower half of its 32 bits. The CPU's own instruction makes
// subnormals 0; call it where there is one.
void ck_pair_product(size_t rows, size_t columns, size_t depth, ck_strided a, const float *b,
                     size_t b_row, float *c, size_t c_row, int accumulate);

// The same in float32 on any CPU.
void ck_pair_product_emulated(size_t rows, size_t columns, size_t depth, ck_strided a,
                              const float *b, size_t b_row, float *c, size_t c_row,
                              int accumulate);

#endif
