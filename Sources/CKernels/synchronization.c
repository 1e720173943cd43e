#define _GNU_SOURCE
#include "synchronization.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

uint64_t ck_monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int ck_affinity_mask(int process, uint64_t *mask, int words) {
  memset(mask, 0, (size_t)words * 8);
  return sched_getaffinity(process, (size_t)words * 8, (cpu_set_t *)mask) < 0 ? errno : 0;
}

static inline void pause_core(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

uint32_t ck_barrier_arrive(const ck_barrier *barrier) {
  ck_arrivals *own = &barrier->arrivals[barrier->own];
  uint32_t count = own->count + 1;
  __atomic_store_n(&own->core, sched_getcpu(), __ATOMIC_RELAXED);
  __atomic_store_n(&own->count, count, __ATOMIC_RELEASE);
  return count;
}

int ck_barrier_is_passed(const ck_barrier *barrier, uint32_t count) {
  // No early end: the lines of several late ones are fetched at once. The difference is signed
  // since counts wrap, and since others may be one barrier ahead.
  int32_t behind = 0;
  for (uint32_t i = 0; i < barrier->participants; i++)
    behind |= (int32_t)(__atomic_load_n(&barrier->arrivals[i].count, __ATOMIC_ACQUIRE) - count);
  return behind >= 0;
}

// Whether somebody who is late was last seen on this core, and so cannot come while this one spins.
static int keeps_core_from_late(const ck_barrier *barrier, uint32_t count) {
  int32_t core = barrier->arrivals[barrier->own].core;
  for (uint32_t i = 0; i < barrier->participants; i++) {
    const ck_arrivals *other = &barrier->arrivals[i];
    if (__atomic_load_n(&other->core, __ATOMIC_RELAXED) == core &&
        (int32_t)(__atomic_load_n(&other->count, __ATOMIC_ACQUIRE) - count) < 0)
      return 1;
  }
  return 0;
}

void ck_barrier_wait(const ck_barrier *barrier, uint32_t count, const ck_wait_policy *policy,
                     uint64_t *polls) {
  for (uint32_t i = 0; i < policy->spins; i++) {
    if (ck_barrier_is_passed(barrier, count)) return;
    if (keeps_core_from_late(barrier, count)) break;
    pause_core();
  }
  for (uint32_t i = 0; i < policy->yields; i++) {
    if (ck_barrier_is_passed(barrier, count)) return;
    // Where others want the core, one of these takes milliseconds.
    __atomic_store_n(polls, *polls + 1, __ATOMIC_RELAXED);
    sched_yield();
  }
  struct timespec nap = {0, (long)policy->sleep_us * 1000};
  while (!ck_barrier_is_passed(barrier, count)) {
    __atomic_store_n(polls, *polls + 1, __ATOMIC_RELAXED);
    nanosleep(&nap, 0);
  }
}

void ck_add_release(uint64_t *place, uint64_t value) {
  __atomic_add_fetch(place, value, __ATOMIC_ACQ_REL);
}

uint64_t ck_load_acquire(const uint64_t *place) {
  return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

int ck_claim(uint32_t *place, uint32_t value) {
  uint32_t nobody = 0;
  return __atomic_compare_exchange_n(place, &nobody, value, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
}

static volatile sig_atomic_t received = 0;

static void remember(int number) {
  if (!received) received = number;
}

void ck_install_signal_flag(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, 0);
  sigaction(SIGUSR2, &action, 0);
  sigaction(SIGTERM, &action, 0);
  // Who interrupts twice does not want to wait for a save. A job in the background stays deaf.
  struct sigaction before;
  sigaction(SIGINT, 0, &before);
  action.sa_flags |= SA_RESETHAND;
  if (before.sa_handler != SIG_IGN) sigaction(SIGINT, &action, 0);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, 0);
  sigaction(SIGXFSZ, &action, 0);
}

int ck_signal_received(void) { return received; }
