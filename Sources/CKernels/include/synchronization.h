#ifndef CKERNELS_SYNCHRONIZATION_H
#define CKERNELS_SYNCHRONIZATION_H

#include <stdint.h>

/// A counting barrier in memory shared by processes; zero-filled to begin with.
typedef struct {
  uint32_t arrived;
  uint32_t pad1[31]; // two cache lines apart: prefetchers fetch pairs
  uint32_t generation;
  uint32_t pad2[31];
} ck_barrier;

/// How a rank waits: spins, then gives its core away between looks, then sleeps between looks.
typedef struct {
  uint32_t spins;  // 0 where ranks outnumber cores
  uint32_t yields;
  uint32_t sleep_us;
} ck_wait_policy;

/// Arrives and waits until `participants` have arrived. Returns 0, or 1 where `timeout_ms` ran
/// out (0: no limit); memory written before by any participant is visible after.
int ck_barrier_wait(ck_barrier *barrier, uint32_t participants, const ck_wait_policy *policy,
                    uint64_t timeout_ms);

/// Installs a handler for SIGUSR1, SIGUSR2 and SIGTERM that sets one flag; ignores SIGPIPE and
/// SIGXFSZ, whose errors come back from write(2) instead.
void ck_install_signal_flag(void);

/// The number of the first such signal since the start, or 0.
int ck_signal_received(void);

/// The cores this process may run on, a bit each, in `words` words; 0, or errno.
int ck_affinity_mask(uint64_t *mask, int words);

/// CLOCK_MONOTONIC in nanoseconds.
uint64_t ck_monotonic_ns(void);

#endif
