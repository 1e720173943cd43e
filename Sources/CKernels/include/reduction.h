#ifndef CKERNELS_REDUCTION_H
#define CKERNELS_REDUCTION_H

#include <stddef.h>
#include <stdint.h>

/// out[i] = a[i] + b[i]; `out` may be `a` or `b`.
void ck_add(float *out, const float *a, const float *b, size_t n);

/// out[i] = a[i] − b[i]; `out` may be `a` or `b`.
void ck_subtract(float *out, const float *a, const float *b, size_t n);

/// out[i] = (a[i] + b[i]) / divisor, where `b` may be null: the last addition of a gradient's sum
/// and its mean, rounded once, in one pass. Returns Σ out[i]² as `ck_sum_squares` does. `out` may
/// be `a` or `b`.
double ck_mean(float *out, const float *a, const float *b, float divisor, size_t n);

/// x[i] = x[i] · factor.
void ck_scale(float *x, float factor, size_t n);

/// x[i] = min(max(x[i], -limit), limit); NaN stays NaN.
void ck_clamp(float *x, float limit, size_t n);

/// Σ x[i]² in double, in 16 lanes of fixed order: the same bits on every CPU.
double ck_sum_squares(const float *x, size_t n);

/// Σ |x[i]| in double, in 16 lanes of fixed order.
double ck_sum_absolutes(const float *x, size_t n);

/// A number that changes where any bit of `x` does: FNV-1a (Fowler, Noll, Vo) in 16 lanes.
uint64_t ck_hash(const float *x, size_t n);

/// 1 where every element is finite.
int ck_all_finite(const float *x, size_t n);

/// g[i] += l1·sign(p[i]) + l2·p[i], with sign(0) = 0: the gradient of l1·Σ|p| + l2/2·Σp².
void ck_add_penalty_gradient(float *g, const float *p, float l1, float l2, size_t n);

#endif
