#include "allocations.h"

#include <stddef.h>

// The test program's own malloc: glibc's with a count a thread.

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static _Thread_local allocation_counts counts;

allocation_counts ca_counts(void) { return counts; }

void *malloc(size_t size) {
  counts.allocated++;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  counts.allocated++;
  return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
  counts.allocated++;
  if (block) counts.freed++;
  return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
  counts.allocated++;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
  *block = memalign(alignment, size);
  return *block ? 0 : 12; // ENOMEM
}

void free(void *block) {
  if (block) counts.freed++;
  __libc_free(block);
}
