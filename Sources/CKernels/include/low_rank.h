#ifndef CKERNELS_LOW_RANK_H
#define CKERNELS_LOW_RANK_H

#include <stddef.h>

// Products of a matrix M [rows, columns] and factors of few columns: P [rank, rows] and
// Q [rank, columns], each column of a factor in one piece.

/// P[k, i] = Σ_j M[i, j]·Q[k, j], in 16 lanes of fixed order.
void ck_project_rows(const float *m, const float *q, float *p, size_t rows, size_t columns,
                     size_t rank);

/// Q[k, j] = Σ_i P[k, i]·M[i, j], in the order of the rows.
void ck_project_columns(const float *m, const float *p, float *q, size_t rows, size_t columns,
                        size_t rank);

/// M[i, j] = Σ_k P[k, i]·Q[k, j], in the order of the ranks.
void ck_expand(const float *p, const float *q, float *m, size_t rows, size_t columns, size_t rank);

/// M[i, j] −= Σ_k P[k, i]·Q[k, j], in the order of the ranks.
void ck_deflate(const float *p, const float *q, float *m, size_t rows, size_t columns, size_t rank);

#endif
