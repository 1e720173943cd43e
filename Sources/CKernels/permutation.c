#include "permutation.h"
#include "vectors.h"

// An AVX-512 register of indices.
#define LANES 8
// Indices at hand: their walks are followed together.
#define CHUNK 64

typedef uint64_t words __attribute__((vector_size(8 * LANES), aligned(8), may_alias));

// The finalizer of SplitMix64: every input bit reaches every output bit.
CK_INLINE words mix(words value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

// The network once for LANES values. Unbalanced halves swap their widths each round; eight rounds
// bring them back.
CK_INLINE void permute_once(uint64_t *values, const uint64_t keys[8], unsigned low, unsigned high) {
  const uint64_t low_mask = ((uint64_t)1 << low) - 1, high_mask = ((uint64_t)1 << high) - 1;
  words value = *(words *)values, left = value >> low, right = value & low_mask;
  for (int round = 0; round < 8; round++) {
    words mixed = mix(right ^ keys[round]) & (round % 2 ? low_mask : high_mask);
    words next = left ^ mixed;
    left = right;
    right = next;
  }
  *(words *)values = left << low | right;
}

CK_CLONES void ck_permute(uint64_t *values, size_t n, uint64_t count, const uint64_t keys[8],
                          unsigned low_bits, unsigned high_bits) {
  for (size_t start = 0; start < n; start += CHUNK) {
    uint64_t open[CHUNK] = {0};
    size_t place[CHUNK];
    size_t remaining = n - start < CHUNK ? n - start : CHUNK;
    for (size_t i = 0; i < remaining; i++) {
      open[i] = values[start + i];
      place[i] = start + i;
    }
    while (remaining > 0) {
      for (size_t i = 0; i < remaining; i += LANES)
        permute_once(open + i, keys, low_bits, high_bits);
      // Who has arrived is written down; the others close ranks and go on. No branch: which they
      // are is anyone's guess.
      size_t kept = 0;
      for (size_t i = 0; i < remaining; i++) {
        uint64_t value = open[i];
        values[place[i]] = value;
        open[kept] = value;
        place[kept] = place[i];
        kept += value >= count;
      }
      remaining = kept;
    }
  }
}
