#define _GNU_SOURCE
#include "shared_memory.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14
#endif

int ck_memfd_create(const char *name, size_t bytes) {
  int descriptor = memfd_create(name, MFD_CLOEXEC);
  if (descriptor < 0) return -1;
  if (ftruncate(descriptor, (off_t)bytes) != 0) {
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
  }
  return descriptor;
}

int ck_populate(void *address, size_t bytes) {
  const uintptr_t page = 4096;
  uintptr_t start = (uintptr_t)address & ~(page - 1);
  uintptr_t end = ((uintptr_t)address + bytes + page - 1) & ~(page - 1);
  while (start < end) {
    if (madvise((void *)start, end - start, MADV_POPULATE_WRITE) == 0) return 0;
    if (errno == EINTR || errno == EAGAIN) continue;
    if (errno != EINVAL) return errno;
    // An older kernel: touch page by page; statvfs has said that there is room.
    for (; start < end; start += page) {
      volatile char *byte = (volatile char *)start;
      *byte = *byte;
    }
  }
  return 0;
}
