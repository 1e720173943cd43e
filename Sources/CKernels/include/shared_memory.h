#ifndef CKERNELS_SHARED_MEMORY_H
#define CKERNELS_SHARED_MEMORY_H

#include <stddef.h>

/// Anonymous shared memory that other processes open through /proc/PID/fd; -1 and errno on error.
int ck_memfd_create(const char *name, size_t bytes);

/// Makes the pages of [address, address + bytes) exist now: 0, or errno. Without this, memory
/// that a file system promised but does not have is a SIGBUS at the first write.
int ck_populate(void *address, size_t bytes);

#endif
