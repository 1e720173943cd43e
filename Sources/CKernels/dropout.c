#include "dropout.h"
#include "vectors.h"

// Sixteen blocks of Philox4x32-10 at once: words[4·b + w] is word w of block first + b.
// Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
CK_INLINE void philox_blocks(uint64_t key, uint32_t first, uint32_t sample, uint64_t step,
                             uint32_t words[64]) {
  uint32_t x[16], y[16], z[16], w[16];
  for (int l = 0; l < 16; l++) {
    x[l] = first + (uint32_t)l;
    y[l] = sample;
    z[l] = (uint32_t)step;
    w[l] = (uint32_t)(step >> 32);
  }
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    for (int l = 0; l < 16; l++) {
      uint64_t p0 = (uint64_t)x[l] * 0xD2511F53u, p1 = (uint64_t)z[l] * 0xCD9E8D57u;
      uint32_t nx = (uint32_t)(p1 >> 32) ^ y[l] ^ k0, nz = (uint32_t)(p0 >> 32) ^ w[l] ^ k1;
      y[l] = (uint32_t)p1;
      w[l] = (uint32_t)p0;
      x[l] = nx;
      z[l] = nz;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int l = 0; l < 16; l++) {
    words[4 * l] = x[l];
    words[4 * l + 1] = y[l];
    words[4 * l + 2] = z[l];
    words[4 * l + 3] = w[l];
  }
}

CK_CLONES void ck_dropout(const float *in, float *out, size_t samples, size_t count,
                          const ck_random_context *context, ck_dropout_rate rate,
                          int accumulate) {
  // Purpose 5 as in Basics' Philox; the layer takes a stride of its own.
  uint64_t key = context->seed + 5 * 0x9E3779B97F4A7C15ull + rate.layer * 0xD1B54A32D192ED03ull;
  uint32_t words[64];
  for (size_t s = 0; s < samples; s++) {
    const float *x = in + s * count;
    float *y = out + s * count;
    uint32_t sample = (uint32_t)(context->first_sample + s);
    for (size_t i = 0; i < count; i += 64) {
      philox_blocks(key, (uint32_t)(i / 4), sample, context->step, words);
      size_t n = count - i < 64 ? count - i : 64;
      if (accumulate) {
        for (size_t l = 0; l < n; l++)
          y[i + l] += words[l] < rate.threshold ? 0.0f : x[i + l] * rate.scale;
      } else {
        for (size_t l = 0; l < n; l++)
          y[i + l] = words[l] < rate.threshold ? 0.0f : x[i + l] * rate.scale;
      }
    }
  }
}
