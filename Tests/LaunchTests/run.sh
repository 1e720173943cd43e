#!/usr/bin/env bash
# Tests of launch/run with real mpirun and a small C program in place of the trainer.
#
#   Tests/LaunchTests/run.sh
#
# Needs mpicc and a C compiler (gcc, or Swift's clang). Leaves nothing behind. Ends with
# "N passed, M failed"; the exit code is 1 when any failed.
# shellcheck disable=SC2016,SC2031
set -euo pipefail
case ${1-} in
  '') ;;
  -h | --help)
    sed -n -e '1d' -e '/^#/!q' -e 's/^# \{0,1\}//p' -- "${BASH_SOURCE[0]}"
    exit 0
    ;;
  *)
    echo "Tests/LaunchTests/run.sh: takes no arguments" >&2
    exit 64
    ;;
esac
root=$(dirname -- "$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")")
work=$(mktemp -d -t launch-tests.XXXXXXXX)
run_pid=
clean_up() {
  [[ -z $run_pid ]] || give_up
  rm -rf -- "$work"
}
trap clean_up EXIT
cd -- "$work"
# shellcheck source-path=SCRIPTDIR source=check.sh
source "$root/Tests/LaunchTests/check.sh"

# launch ARGUMENTS…: launch/run; sets code, output goes to the file of that name.
launch() {
  code=0
  "$root/launch/run" "$@" >output 2>&1 || code=$?
}
refuses() { # refuses TEXT ARGUMENTS…: 64 and a sentence, before anything starts
  local text=$1
  shift
  launch --dry-run "$@"
  ends_with 64 && says "$text"
}

# ---- the program ------------------------------------------------------------------------------

# PROGRAM [exit N | work FOLDER | stubborn FOLDER | …]: writes its arguments, one file a rank.
# `work` loops until a SIGUSR1 has reached every rank, then for half a second, and returns 75;
# `stubborn` never ends. With CHILD set, each rank has a child that never ends.
cat >program.c <<'C'
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static volatile sig_atomic_t signals;
static void on_signal(int s) { (void)s; signals++; }
static void put(const char *folder, const char *what, int rank, int value) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.%d", folder, what, rank);
  FILE *f = fopen(path, "w");
  if (f) { fprintf(f, "%d\n", value); fclose(f); }
}
int main(int n, char **a) {
  signal(SIGUSR1, on_signal);
  if (getenv("CHILD") && fork() == 0) {
    put(a[2], "child", getppid(), getpid());
    for (;;) pause();
  }
  MPI_Init(&n, &a);
  int rank, left = 10;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (getenv("ARGUMENTS")) {
    char path[4096];
    snprintf(path, sizeof path, "%s.%d", getenv("ARGUMENTS"), rank);
    FILE *f = fopen(path, "w");
    for (int i = 1; i < n; i++) fwrite(a[i], 1, strlen(a[i]) + 1, f);
    fclose(f);
  }
  int result = 0;
  if (n > 2 && !strcmp(a[1], "exit")) result = rank == 1 ? atoi(a[2]) : 0;
  if (n > 2 && (!strcmp(a[1], "work") || !strcmp(a[1], "stubborn"))) {
    put(a[2], "pid", rank, getpid());
    while (left > 0) {
      int mine = signals > 0, all;
      MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
      if (all && a[1][0] == 'w') left--;
      usleep(50000);
    }
    put(a[2], "signals", rank, signals);
    result = 75;
  }
  MPI_Finalize();
  return result;
}
C
command -v gcc >/dev/null || export OMPI_CC=clang
mkdir 'a folder'
mpicc -O1 -o 'a folder/the program' program.c
export DIST_TRAIN_PROGRAM="$work/a folder/the program"

# start KIND ARGUMENTS…: runs it in the background and waits until both ranks run.
start() {
  local kind=$1
  shift
  rm -rf state
  mkdir state
  # A job of this script ignores INT and QUIT, as any background job does; env restores them.
  env --default-signal=INT,QUIT "$root/launch/run" "$@" -np 2 -- "$kind" "$work/state" >output 2>&1 &
  run_pid=$!
  wait_for '[[ -s state/pid.0 && -s state/pid.1 ]]' 100
}
# wait_for CONDITION TENTHS
wait_for() {
  local tenth
  for ((tenth = 0; tenth < $2; tenth++)); do
    ! eval "$1" || return 0
    sleep 0.1
  done
  return 1
}
finish() { # waits for the job of `start`: sets code
  wait_for '! runs "$run_pid"' 150 || give_up
  code=0
  wait "$run_pid" || code=$?
  run_pid=
}
give_up() { # ends a job that does not end as it should
  local mpirun_pid=
  read -r mpirun_pid _ 2>/dev/null <"/proc/$run_pid/task/$run_pid/children" || true
  kill -KILL "$run_pid" 2>/dev/null || true
  [[ -z $mpirun_pid ]] || kill -TERM "$mpirun_pid" 2>/dev/null || true
}
child() { # what launch/run has started
  local pid=
  read -r pid _ 2>/dev/null <"/proc/$run_pid/task/$run_pid/children" || true
  readlink -f "/proc/$pid/exe" 2>/dev/null || true
}
runs() { [[ -r /proc/$1/stat && $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) != [ZX]* ]]; }
none_left() { ! runs "$(<state/pid.0)" && ! runs "$(<state/pid.1)"; }
one_signal_each() { [[ $(<state/signals.0) == 1 && $(<state/signals.1) == 1 ]]; }
saved() { ends_with 75 && one_signal_each && none_left; }

# ---- what is passed on ------------------------------------------------------------------------

expected() { # the words, as every rank must have got them
  printf '%s\0' "$@" >expected
  cmp -s expected arguments.0 && cmp -s expected arguments.1
}
export ARGUMENTS=$work/arguments
words=('two words' '"' "it's" ';touch HACKED' '$(touch HACKED)' '`touch HACKED`' '*' '' 'back\slash' '--np' 'é'
  $'new\nline')
launch -np 2 echo "${words[@]}"
check "arguments reach every rank as they are" expected echo "${words[@]}"
check "nothing of them is executed" test ! -e HACKED
launch -np 2 train --epochs 3
check "train is told how many ranks to expect" expected train --expect-ranks 2 --epochs 3
launch -np 2 -- --epochs 3 --expect-ranks=2
check "an own --expect-ranks stays alone" expected --epochs 3 --expect-ranks=2
unset ARGUMENTS
launch -np 2 exit 42
check "the program's exit code is kept" ends_with 42
ln -s "$root/launch/run" 'a folder/link'
link_works() { (cd 'a folder' && ./link -np 1 exit 0 >../output 2>&1); }
check "a link from a folder with spaces works" link_works
stdin_left() { [[ $(printf 'kept\n' | { launch -np 1 exit 0; cat; }) == kept ]]; }
check "stdin is left alone" stdin_left

# ---- what is refused --------------------------------------------------------------------------

check "a number of ranks that is none" refuses 'number of ranks' -np 0
check "an option without its value" refuses 'needs a value' --hostfile
check "an argument that mpirun would take for its own" refuses 'alone' -np 1 echo :
check "a binding of ranks that share cores" refuses 'cannot be bound' -np 9999 --bind core
check "a missing hostfile" refuses 'not a file' --hostfile missing
bad_host() { # bad_host TEXT LINES OPTIONS…: a hostfile of these lines
  printf '%b' "$2" >hosts
  refuses "$1" --hostfile hosts "${@:3}"
}
check "host -Fevil" bad_host 'line 2' 'localhost slots=1\n-Fevil slots=1\n'
check "host -oProxyCommand=…" bad_host 'line 1' '-oProxyCommand=id slots=1\n'
check "host with a command" bad_host 'line 1' '$(touch\x20HACKED) slots=1\n'
check "host with backticks" bad_host 'line 1' '`id` slots=1\n'
check "host h1;id" bad_host 'line 1' 'h1;id slots=1\n'
check "slots=-1" bad_host 'slots=-1' 'h1 slots=-1\n'
check "slots=99999999999" bad_host 'slots=N' 'h1 slots=99999999999\n'
check "slots=4097" bad_host 'slots=N' 'h1 slots=4097\n'
check "slots=0x8" bad_host 'slots=N' 'h1 slots=0x8\n'
check "an unknown key" bad_host 'foo=bar' 'h1 foo=bar\n'
check "Windows line ends" bad_host 'Windows' 'h1 slots=1\r\n'
check "NUL bytes" bad_host 'NUL' 'h1\0000 slots=1\n'
check "an empty hostfile" bad_host 'no host' '# nothing\n\n'
check "a host twice" bad_host 'line 3: h1 is listed before' 'h1 slots=1\nh2 slots=1\nh1 slots=1\n'
check "slots twice on a line" bad_host 'line 1: h1 has its slots' 'h1 slots=1 slots=2\n'
check "max_slots twice on a line" bad_host 'line 1: h1 has its slots' 'h1 slots=1 max-slots=3 max_slots=9\n'
check "this host by two names" bad_host 'line 2: 127.0.0.1 and localhost' 'localhost slots=1\n127.0.0.1 slots=1\n'
check "… a slot a line" bad_host "line 2: $(uname -n) and localhost" "localhost\\n$(uname -n)\\n" -np 2
check "another host by two names" bad_host '(10.0.0.1)' '10.0.0.1 slots=1\n10.1 slots=1\n'
printf 'localhost slots=1\nno-such-host.invalid slots=1\n' >hosts
launch --dry-run --hostfile hosts
check "a host without an address is told" says 'known here for no-such-host.invalid'
check "… and no reason to refuse" ends_with 0
check "hosts without slots and no --ranks" bad_host '--ranks' 'h1\nh1\nh2\n'
check "nothing of them is executed, either" test ! -e HACKED
printf '# two\nlocalhost slots=2 max_slots=2 # here\n' >hosts
launch --hostfile hosts exit 0
check "a good hostfile runs" ends_with 0
check "more ranks than max_slots" refuses 'max_slots' --hostfile hosts -np 3
for ranks in 2 99; do # on a machine with as many cores, and with fewer
  check "$ranks ranks for one slot" bad_host 'hosts has slots for 1' 'localhost slots=1\n' -np "$ranks"
done
launch --hostfile hosts -np 2 --mpirun --oversubscribe exit 0
check "… run where they are to share it" eval 'ends_with 0 && says "2 ranks share 1 "'
check "more ranks than lines of one slot" bad_host 'slots for 2' 'localhost\nlocalhost\n' -np 3
launch --hostfile hosts -np 2 exit 0
check "as many ranks as lines run" ends_with 0
printf 'localhost\n' >hosts
launch --hostfile hosts -np "$(getconf _NPROCESSORS_ONLN)" exit 0
check "a host without slots has its cores" ends_with 0
for file in localhost two-nodes.example; do
  launch --dry-run --hostfile "$root/hostfiles/$file"
  check "hostfiles/$file means 8 ranks" says '-np 8 '
done
check "other hosts get a limit for cut cables" says keepalive
launch --dry-run --hostfile "$root/hostfiles/localhost"
check "… and this one none" eval '! says keepalive'

# ---- how many cores ---------------------------------------------------------------------------

quota_of() { # quota_of CORES VERSION: cgroup_cores in a group two deep, whose parent is limited
  (
    # shellcheck source-path=SCRIPTDIR source=../../launch/lib.sh
    source "$root/launch/lib.sh"
    cgroup_root=$work/cgroup$2 cgroup_self=$work/self$2
    cgroup_cores >output
  )
  [[ $(<output) == "$1" ]]
}
mkdir -p cgroup2/job/step cgroup1/cpu/job/step cgroup0/job
echo '0::/job/step' >self2
echo 'max 100000' >cgroup2/job/step/cpu.max
echo '350000 100000' >cgroup2/job/cpu.max
printf '4:memory:/x\n3:cpu:/job/step\n0::/\n' >self1
echo 50000 >cgroup1/cpu/job/step/cpu.cfs_quota_us
echo 100000 | tee cgroup1/cpu/job/step/cpu.cfs_period_us >cgroup1/cpu/job/cpu.cfs_period_us
echo -1 >cgroup1/cpu/job/cpu.cfs_quota_us
echo '0::/job' >self0
check "a quota of 3.5 cores is 3 ranks (cgroup 2)" quota_of 3 2
check "a quota of half a core is 1 rank (cgroup 1)" quota_of 1 1
check "no quota, no limit" quota_of '' 0
one_core() {
  taskset -c "$(taskset -cp $$ | sed 's/.*: *//; s/[,-].*//')" "$root/launch/run" --dry-run >output 2>&1
  says '-np 1 '
}
check "an affinity mask of one core is 1 rank" one_core

# ---- signals ----------------------------------------------------------------------------------

for signal in TERM INT HUP USR1 USR2; do
  if start work; then kill -"$signal" "$run_pid"; fi
  # A second one while the ranks save changes nothing (a second INT would: see below).
  sleep 0.3
  [[ $signal == INT ]] || kill -TERM "$run_pid" 2>/dev/null || true
  finish
  check "SIG$signal: one SIGUSR1 to each rank, 75, none left" saved
done
rm -rf state && mkdir state
env --default-signal=INT,QUIT "$root/launch/run" -np 2 -- work "$work/state" >output 2>&1 &
run_pid=$!
wait_for '[[ $(child) == */@(mpirun|orterun|prterun) ]]' 50 || true
kill -TERM "$run_pid"
finish
check "a signal during the start is kept until the ranks can take it" saved
if start stubborn; then kill -INT "$run_pid"; fi
sleep 0.5
kill -INT "$run_pid"
finish
stopped() { [[ $code -ne 0 && $code -ne 75 ]] && none_left; }
check "a second SIGINT ends the job at once" stopped
if start stubborn --grace 1; then kill -TERM "$run_pid"; fi
finish
check "the end of the grace time ends the job" stopped
if start stubborn; then kill -KILL "$(<state/pid.1)"; fi
finish
check "a killed rank: 137, none left" eval 'ends_with 137 && none_left'
segments=
export CHILD=yes
if start stubborn; then
  read -r mpirun_pid _ <"/proc/$run_pid/task/$run_pid/children" || true
  segments=$(sed -n 's#.* \(/dev/shm/vader_segment\)#\1#p' "/proc/$(<state/pid.0)/maps")
  kill -KILL "$mpirun_pid"
fi
finish
no_files() { [[ -n $segments && ! -e ${segments%%$'\n'*} && -z $(find "${TMPDIR:-/tmp}" -maxdepth 2 -path "*/ompi.*/pid.$mpirun_pid") ]]; }
unset CHILD
no_child() {
  local file
  for file in state/child.*; do ! runs "$(<"$file")" || return 1; done
}
check "what outlives a killed mpirun is ended" eval 'ends_with 137 && none_left && no_child'
check "and the files it shared are removed" no_files

report
