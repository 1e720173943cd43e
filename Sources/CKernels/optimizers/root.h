#ifndef CKERNELS_ROOT_H
#define CKERNELS_ROOT_H

// sqrtf may set errno, which keeps it from vectorizing; the builtin does not.
#define ROOT(x) __builtin_elementwise_sqrt(x)

// -1, 0 or 1; 0 for NaN. No branch, so loops vectorize.
#define SIGN(x) ((float)((x) > 0) - (float)((x) < 0))

#endif
