#include "bandwidth.h"

#include "targets.h"

#include <stdint.h>

// Bits, so that nothing is computed; the last array's are mixed in, or its load would be dropped.
typedef uint32_t __attribute__((may_alias)) bits;

CK_CLONES void ck_move(float *parameters, const float *gradient, float *const *state, int states,
                       size_t n) {
  bits *restrict p = (bits *)parameters;
  const bits *restrict g = (const bits *)gradient;
  if (states == 0) {
    for (size_t i = 0; i < n; i++) p[i] = g[i] ^ p[i];
    return;
  }
  bits *restrict a = (bits *)state[0];
  if (states == 1) {
    for (size_t i = 0; i < n; i++) {
      bits last = a[i];
      a[i] = p[i];
      p[i] = g[i] ^ last;
    }
    return;
  }
  bits *restrict b = (bits *)state[1];
  if (states == 2) {
    for (size_t i = 0; i < n; i++) {
      bits last = b[i];
      b[i] = a[i];
      a[i] = p[i];
      p[i] = g[i] ^ last;
    }
    return;
  }
  bits *restrict c = (bits *)state[2];
  for (size_t i = 0; i < n; i++) {
    bits last = c[i];
    c[i] = b[i];
    b[i] = a[i];
    a[i] = p[i];
    p[i] = g[i] ^ last;
  }
}
