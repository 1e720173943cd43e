#ifndef CKERNELS_FILES_H
#define CKERNELS_FILES_H

#include <stdint.h>

/// Lets the disk begin with bytes of a file that were written, without waiting: only a hint, the
/// promise is fsync's.
void ck_start_writing(int descriptor, int64_t offset, int64_t bytes);

#endif
