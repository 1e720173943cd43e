#ifndef CKERNELS_TARGETS_H
#define CKERNELS_TARGETS_H

// Loops are compiled for several instruction sets and chosen once at load time. No multiply-add
// is fused: clang would contract in the AVX clones only, and CPUs would differ in the last bit.
#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__) && defined(__linux__)
#define CK_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CK_CLONES
#endif

#endif
