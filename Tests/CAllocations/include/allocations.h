#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

/// Calls of malloc and its kin on this thread so far, and how many blocks of them it freed.
typedef struct {
  long allocated, freed;
} allocation_counts;

allocation_counts ca_counts(void);

#endif
