#include "low_rank.h"
#include "vectors.h"

// A product of one row with one column of the factor.
CK_INLINE float dot(const float *a, const float *b, size_t n) {
  ck_f16 sum = 0.0f;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) sum += ck_load16(a + i) * ck_load16(b + i);
  if (i < n) sum += ck_load_tail(a + i, n - i, 0) * ck_load_tail(b + i, n - i, 0);
  return ck_sum16(sum);
}

CK_CLONES void ck_project_rows(const float *m, const float *q, float *p, size_t rows,
                               size_t columns, size_t rank) {
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < rank; k++)
      p[k * rows + i] = dot(m + i * columns, q + k * columns, columns);
}

CK_CLONES void ck_project_columns(const float *m, const float *p, float *q, size_t rows,
                                  size_t columns, size_t rank) {
  memset(q, 0, rank * columns * sizeof *q);
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < rank; k++) {
      const float *restrict row = m + i * columns;
      float *restrict sum = q + k * columns, factor = p[k * rows + i];
      for (size_t j = 0; j < columns; j++) sum[j] += factor * row[j];
    }
}

CK_CLONES void ck_expand(const float *p, const float *q, float *m, size_t rows, size_t columns,
                         size_t rank) {
  for (size_t i = 0; i < rows; i++) {
    float *restrict row = m + i * columns;
    for (size_t j = 0; j < columns; j++) row[j] = p[i] * q[j];
    for (size_t k = 1; k < rank; k++) {
      const float *restrict column = q + k * columns;
      float factor = p[k * rows + i];
      for (size_t j = 0; j < columns; j++) row[j] += factor * column[j];
    }
  }
}

CK_CLONES void ck_deflate(const float *p, const float *q, float *m, size_t rows, size_t columns,
                          size_t rank) {
  for (size_t i = 0; i < rows; i++) {
    float *restrict row = m + i * columns;
    for (size_t k = 0; k < rank; k++) {
      const float *restrict column = q + k * columns;
      float factor = p[k * rows + i];
      for (size_t j = 0; j < columns; j++) row[j] -= factor * column[j];
    }
  }
}
