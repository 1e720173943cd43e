// Preloaded into a rank by a test: at SIGURG its training thread spins for ever, as a loop without
// an end would; nothing of the program knows.
#include <pthread.h>
#include <signal.h>

static void spin(int number) {
  (void)number;
  for (;;) {
  }
}

__attribute__((constructor)) static void prepare(void) { signal(SIGURG, spin); }
