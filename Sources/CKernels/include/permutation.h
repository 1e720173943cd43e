#ifndef CKERNELS_PERMUTATION_H
#define CKERNELS_PERMUTATION_H

#include <stddef.h>
#include <stdint.h>

/// A keyed permutation of 0 ..< count: a Feistel network of eight rounds on low_bits + high_bits
/// bits, walked until an image is below count.
///
/// values[i] → its image, i < n; each below count ≤ 2^(low_bits + high_bits), the widths differing
/// by one bit at most. Many at once cost a tenth of one by one: a round waits for the one before
/// it, but not for another index.
void ck_permute(uint64_t *values, size_t n, uint64_t count, const uint64_t keys[8],
                unsigned low_bits, unsigned high_bits);

#endif
