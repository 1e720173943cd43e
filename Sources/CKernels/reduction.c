#include "reduction.h"
#include "targets.h"

#include <stdint.h>
#include <string.h>

#define LANES 16

// A vector a turn where output and input may be the same array: a plain loop would take its scalar
// path then.
typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef double double_vector __attribute__((vector_size(8 * LANES)));
#define AT(pointer) (*(vector *)(pointer))

CK_CLONES void ck_add(float *out, const float *a, const float *b, size_t n) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) AT(out + i) = AT(a + i) + AT(b + i);
  for (; i < n; i++) out[i] = a[i] + b[i];
}

CK_CLONES void ck_subtract(float *out, const float *a, const float *b, size_t n) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) AT(out + i) = AT(a + i) - AT(b + i);
  for (; i < n; i++) out[i] = a[i] - b[i];
}

CK_CLONES void ck_scale(float *x, float factor, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = x[i] * factor;
}

CK_CLONES void ck_clamp(float *x, float limit, size_t n) {
  // Comparisons written so that a NaN fails both and passes through.
  for (size_t i = 0; i < n; i++) {
    float v = x[i];
    v = v > limit ? limit : v;
    v = v < -limit ? -limit : v;
    x[i] = v;
  }
}

// Lanes are added in pairs: 16 → 8 → 4 → 2 → 1.
static double combine_lanes(double *lane) {
  for (int width = LANES / 2; width >= 1; width /= 2)
    for (int l = 0; l < width; l++) lane[l] += lane[l + width];
  return lane[0];
}

CK_CLONES double ck_sum_squares(const float *x, size_t n) {
  double lane[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) lane[l] += (double)x[i + l] * (double)x[i + l];
  for (int l = 0; i < n; i++, l++) lane[l] += (double)x[i] * (double)x[i];
  return combine_lanes(lane);
}

CK_CLONES double ck_mean(float *out, const float *a, const float *b, float divisor, size_t n) {
  double_vector squares = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    vector mean = (b ? AT(a + i) + AT(b + i) : AT(a + i)) / divisor;
    AT(out + i) = mean;
    double_vector wide = __builtin_convertvector(mean, double_vector);
    squares += wide * wide;
  }
  double lane[LANES];
  memcpy(lane, &squares, sizeof lane);
  for (int l = 0; i < n; i++, l++) {
    float mean = (b ? a[i] + b[i] : a[i]) / divisor;
    out[i] = mean;
    lane[l] += (double)mean * (double)mean;
  }
  return combine_lanes(lane);
}

CK_CLONES double ck_sum_absolutes(const float *x, size_t n) {
  double lane[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) lane[l] += (double)__builtin_fabsf(x[i + l]);
  for (int l = 0; i < n; i++, l++) lane[l] += (double)__builtin_fabsf(x[i]);
  return combine_lanes(lane);
}

CK_CLONES uint64_t ck_hash(const float *x, size_t n) {
  uint32_t lane[LANES];
  for (int l = 0; l < LANES; l++) lane[l] = 2166136261u + (uint32_t)l;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) {
      uint32_t bits;
      memcpy(&bits, &x[i + l], 4);
      lane[l] = (lane[l] ^ bits) * 16777619u;
    }
  for (int l = 0; i < n; i++, l++) {
    uint32_t bits;
    memcpy(&bits, &x[i], 4);
    lane[l] = (lane[l] ^ bits) * 16777619u;
  }
  uint64_t hash = 14695981039346656037u;
  for (int l = 0; l < LANES; l++) hash = (hash ^ lane[l]) * 1099511628211u;
  return hash;
}

CK_CLONES int ck_all_finite(const float *x, size_t n) {
  // An exponent of all ones is infinity or NaN. Chunks let a bad gradient end the scan early.
  size_t i = 0;
  while (i < n) {
    size_t end = i + 4096 < n ? i + 4096 : n;
    uint32_t bad = 0;
    for (; i < end; i++) {
      uint32_t bits;
      memcpy(&bits, &x[i], 4);
      bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    if (bad) return 0;
  }
  return 1;
}

CK_CLONES void ck_add_penalty_gradient(float *g, const float *p, float l1, float l2, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float sign = (float)(p[i] > 0) - (float)(p[i] < 0);
    g[i] = g[i] + (l1 * sign + l2 * p[i]);
  }
}
