#include "losses.h"
#include "targets.h"

#include <string.h>

// exp and log from + − × ÷ alone: the C library picks variants by CPU, and the last bit of a loss
// or a gradient must not depend on the host.

// e^x for x ≤ 0 within 2 units in the last place; 0 below the smallest normal result.
static inline __attribute__((always_inline)) float exp_nonpositive(float x) {
  float floored = x < -87.0f ? -87.0f : x;
  float scaled = floored * 1.44269504f;
  // Rounds to nearest by adding and taking away 1.5·2^23.
  float shifted = scaled + 12582912.0f;
  float whole = shifted - 12582912.0f;
  // ln 2 in two parts: the first product is exact.
  float r = (floored - whole * 0.693359375f) + whole * 2.12194440e-4f;
  float poly = 1.9875691500e-4f;
  poly = poly * r + 1.3981999507e-3f;
  poly = poly * r + 8.3334519073e-3f;
  poly = poly * r + 4.1665795894e-2f;
  poly = poly * r + 1.6666665459e-1f;
  poly = poly * r + 5.0000001201e-1f;
  float value = (poly * (r * r) + r) + 1.0f;
  // The integer stands in the low bits of the sum; a NaN gives some bits and stays NaN below.
  uint32_t bits;
  memcpy(&bits, &shifted, 4);
  bits = (bits - 0x4b400000u + 127u) << 23;
  float power;
  memcpy(&power, &bits, 4);
  float result = value * power;
  return x < -87.0f ? 0.0f : result;
}

// Natural logarithm of a positive normal double: 2·atanh((m−1)/(m+1)) + e·ln 2.
static inline double log_positive(double x) {
  uint64_t bits;
  memcpy(&bits, &x, 8);
  int exponent = (int)(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
  double m;
  memcpy(&m, &bits, 8);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1;
  }
  double t = (m - 1) / (m + 1), t2 = t * t, sum = 0;
  for (int k = 25; k >= 1; k -= 2) sum = sum * t2 + 1.0 / k;
  return 2 * t * sum + exponent * 0.6931471805599453;
}

// Writes e^(x − max) and returns the sum in a fixed 16-lane order.
static inline __attribute__((always_inline)) float exponentials(const float *x, float *out,
                                                                size_t n, float max) {
  float lane[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int l = 0; l < 16; l++) {
      float e = exp_nonpositive(x[i + l] - max);
      out[i + l] = e;
      lane[l] += e;
    }
  for (int l = 0; i < n; i++, l++) {
    float e = exp_nonpositive(x[i] - max);
    out[i] = e;
    lane[l] += e;
  }
  for (int width = 8; width >= 1; width /= 2)
    for (int l = 0; l < width; l++) lane[l] += lane[l + width];
  return lane[0];
}

CK_CLONES void ck_softmax_cross_entropy(const float *logits, const int32_t *target,
                                        float *gradient, size_t rows, size_t classes,
                                        ck_loss_sums *sums) {
  double loss = 0, correct = 0;
  float chunk[256];
  for (size_t row = 0; row < rows; row++) {
    const float *x = logits + row * classes;
    size_t best = 0;
    float max = x[0];
    // A NaN never wins a comparison; it reaches the loss through its exponential.
    for (size_t c = 1; c < classes; c++)
      if (x[c] > max) {
        max = x[c];
        best = c;
      }
    float sum = 0;
    if (gradient) {
      float *g = gradient + row * classes;
      sum = exponentials(x, g, classes, max);
      for (size_t c = 0; c < classes; c++) g[c] = g[c] / sum;
      g[target[row]] -= 1.0f;
    } else {
      // Without a gradient the exponentials are only summed, in the same order.
      float lane[16] = {0};
      for (size_t start = 0; start < classes; start += 256) {
        size_t n = classes - start < 256 ? classes - start : 256;
        for (size_t c = 0; c < n; c++) chunk[c] = exp_nonpositive(x[start + c] - max);
        for (size_t c = 0; c < n; c++) lane[c & 15] += chunk[c];
      }
      for (int width = 8; width >= 1; width /= 2)
        for (int l = 0; l < width; l++) lane[l] += lane[l + width];
      sum = lane[0];
    }
    if (sum >= 1.0f && sum < 3.4e38f) {
      loss += (double)(max - x[target[row]]) + log_positive((double)sum);
    } else {
      loss += __builtin_nan("");
    }
    correct += best == (size_t)target[row];
  }
  sums->loss += loss;
  sums->weight += (double)rows;
  sums->correct += correct;
}

CK_CLONES void ck_softmax(const float *logits, float *out, size_t rows, size_t classes) {
  for (size_t row = 0; row < rows; row++) {
    const float *x = logits + row * classes;
    float *y = out + row * classes;
    float max = x[0];
    for (size_t c = 1; c < classes; c++) max = x[c] > max ? x[c] : max;
    float sum = exponentials(x, y, classes, max);
    for (size_t c = 0; c < classes; c++) y[c] = y[c] / sum;
  }
}

CK_CLONES void ck_mean_squared_error(const float *prediction, const float *target, float *gradient,
                                     size_t n, ck_loss_sums *sums) {
  double loss[16] = {0}, absolute[16] = {0};
  size_t i = 0;
  for (; i < n; i++) {
    float difference = prediction[i] - target[i];
    if (gradient) gradient[i] = 2.0f * difference;
    loss[i & 15] += (double)difference * (double)difference;
    absolute[i & 15] += (double)__builtin_fabsf(difference);
  }
  for (int width = 8; width >= 1; width /= 2)
    for (int l = 0; l < width; l++) {
      loss[l] += loss[l + width];
      absolute[l] += absolute[l + width];
    }
  sums->loss += loss[0];
  sums->weight += (double)n;
  sums->absolute += absolute[0];
}
