#ifndef CKERNELS_SYNCHRONIZATION_H
#define CKERNELS_SYNCHRONIZATION_H

#include <stdint.h>

/// How many barriers a process has come to, and on which core it came to the last, in memory shared
/// by processes; zero-filled to begin with.
typedef struct {
  uint32_t count;
  int32_t core;
  uint32_t pad[30]; // two cache lines: prefetchers fetch pairs
} ck_arrivals;

/// A barrier as one of its participants sees it. Each writes its own line and reads those of the
/// others, so that one hand-over of a line is all that two wait for.
typedef struct {
  ck_arrivals *arrivals;
  uint32_t participants;
  uint32_t own;
} ck_barrier;

/// How a rank waits: spins, then gives its core away between looks, then sleeps between looks.
typedef struct {
  uint32_t spins;  // 0 where ranks outnumber cores
  uint32_t yields;
  uint32_t sleep_us;
} ck_wait_policy;

/// Arrives, and returns the count that all have reached when the barrier is passed. Memory written
/// before by any participant is then visible.
uint32_t ck_barrier_arrive(const ck_barrier *barrier);
int ck_barrier_is_passed(const ck_barrier *barrier, uint32_t count);

/// Waits until it is. Every look of a long wait is counted in `polls`: a sign of life.
void ck_barrier_wait(const ck_barrier *barrier, uint32_t count, const ck_wait_policy *policy,
                     uint64_t *polls);

/// Adds to a counter shared by processes; what was written before is visible to who reads it.
void ck_add_release(uint64_t *place, uint64_t value);

/// Reads such a counter.
uint64_t ck_load_acquire(const uint64_t *place);

/// Writes `value` to a zero `place` in memory shared by processes. Returns 1 for the one process
/// that did, 0 for all others.
int ck_claim(uint32_t *place, uint32_t value);

/// Installs a handler for SIGUSR1, SIGUSR2, SIGTERM and SIGINT that sets one flag; a second SIGINT
/// ends the process. Ignores SIGPIPE and SIGXFSZ, whose errors come back from write(2) instead.
void ck_install_signal_flag(void);

/// The number of the first such signal since the start, or 0.
int ck_signal_received(void);

/// The cores a process may run on (0: this one), a bit each, in `words` words; 0, or errno.
int ck_affinity_mask(int process, uint64_t *mask, int words);

/// CLOCK_MONOTONIC in nanoseconds.
uint64_t ck_monotonic_ns(void);

#endif
