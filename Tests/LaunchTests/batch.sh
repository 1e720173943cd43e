#!/usr/bin/env bash
# Tests of launch/supervise, pbs.sh and lsf.sh: a shell script in place of the trainer, stand-ins
# for mpirun, qsub and qstat where hosts and a batch system would be needed.
#
#   Tests/LaunchTests/batch.sh
#
# Ends with "N passed, M failed"; the exit code is 1 when any failed.
# shellcheck disable=SC2016
set -euo pipefail
root=$(dirname -- "$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")")
work=$(mktemp -d -t launch-tests.XXXXXXXX)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
# shellcheck source-path=SCRIPTDIR source=check.sh
source "$root/Tests/LaunchTests/check.sh"
starts() { [[ $(wc -l <starts) -eq $1 ]]; }

# The program: each start takes the next line of `codes`: a code to end with, `kill` for SIGKILL,
# `new CODE` after a new checkpoint, `wait` for a SIGUSR1 and then 75. It notes its arguments.
cat >program <<'P'
#!/usr/bin/env bash
cd "$(dirname "$0")" || exit 70
echo "$*" >>starts
line=$(head -1 codes)
sed -i 1d codes
case $line in
  kill) kill -KILL $$ ;;
  new*) ln -sfn "checkpoints/$RANDOM$RANDOM" run/latest && exit "${line#new }" ;;
  wait) trap 'exit 75' USR1; touch waiting; while :; do sleep 0.05; done ;;
  *) exit "$line" ;;
esac
P
chmod +x program
export DIST_TRAIN_PROGRAM=$work/program
plan() { # plan LINE…: what the program will do
  rm -rf run starts waiting next
  mkdir run
  : >starts
  printf '%s\n' "$@" >codes
}
supervise() {
  code=0
  "$root/launch/supervise" --back-off 0 "$@" >output 2>&1 || code=$?
}

# ---- supervise --------------------------------------------------------------------------------

plan 74 kill 143 9 205 'new 75' 0
supervise -np 1 --run run
check "restarts after 74, a killed rank or daemon, and 75, until 0" eval 'ends_with 0 && starts 7'
check "every start continues" eval '[[ $(grep -c -- "--run run --resume auto" starts) -eq 7 ]]'
for code_of in 1 64 65 70 73 76 129 134 139 255; do
  plan "$code_of" 0
  supervise -np 1 --run run
  check "ends at once with $code_of" eval 'ends_with $code_of && starts 1'
done
plan 'new 75' 75 0
supervise -np 1 --run run --stop-after 30
check "ends with a 75 that brings no new checkpoint" eval 'ends_with 75 && starts 2 && says "--stop-after"'
plan 74 74 74 74 74
supervise --max-restarts 2 -np 1 --run run
check "gives up after starts without a new checkpoint" eval 'ends_with 74 && starts 3 && says "giving up"'
plan 'new 74' 'new 74' 'new 74' 'new 74' 0
supervise --max-restarts 1 -np 1 --run run
check "a new checkpoint counts as progress" eval 'ends_with 0 && starts 5'
plan 74 0
supervise -np 1 --run run --resume best
check "an own --resume stays" eval 'ends_with 0 && ! grep -q auto starts'
supervise -np 1
check "no --run" eval 'ends_with 64 && says "--run"'
supervise -np 0 --run run
check "a number of ranks that is none" ends_with 64
supervise -np 1 --run run --expect-ranks 3
check "--expect-ranks cannot be promised" ends_with 64

signalled() { # signalled SIGNAL…: supervise gets them while the program waits
  local signal pid tenth
  plan wait 0
  env --default-signal=INT,QUIT "$root/launch/supervise" --back-off 0 -np 1 --run run >output 2>&1 &
  pid=$!
  for ((tenth = 0; tenth < 100; tenth++)); do [[ ! -e waiting ]] || break; sleep 0.1; done
  for signal in "$@"; do
    kill -"$signal" "$pid"
    sleep 0.3
  done
  code=0
  wait "$pid" || code=$?
}
for signal in TERM INT USR1; do
  signalled "$signal"
  check "SIG$signal saves and ends, without a restart" eval 'ends_with 75 && starts 1'
done

# A stand-in for mpirun, whose rank on host h2 is killed each time.
mkdir stub
cat >stub/mpirun <<'M'
#!/usr/bin/env bash
while [[ $1 != */program ]]; do
  case $1 in
    --hostfile) cp "$2" "$WORK/hosts.now" ;;
    -np) echo "np $2" >>"$WORK/starts" ;;
  esac
  shift
done
if [[ -e $WORK/off ]]; then # h2 does not answer any more
  grep -q h2 "$WORK/hosts.now" || exit 0
  echo "ssh: connect to host h2 port 22: No route to host" >&2
  exit 255
fi
[[ ! -e $WORK/dies ]] || mv "$WORK/dies" "$WORK/off"
if [[ -e $WORK/hangs ]]; then # h1 and h3 are slow, h2 is lost
  echo "swift-dist-train: warning: rank 0 (process 7) on h1 has been evaluating for 61 s; rank 4 (process 9) on h3 has been evaluating for 60 s" >&2
  grep -q h2 "$WORK/hosts.now" || exit 0
  echo "swift-dist-train: rank 2 (process 8) on h2 is stopped (it does not run at all), last seen in the forward pass for 120 s; rank 3 (process 9) on h2 has been in the forward pass for 120 s" >&2
  exit 74
fi
if grep -q h2 "$WORK/hosts.now"; then
  echo "mpirun noticed that process rank 1 with PID 0 on node h2 exited on signal 9 (Killed)." >&2
  exit 137
fi
M
chmod +x stub/mpirun
export WORK=$work
printf 'h1 slots=2 # first\nh2 slots=2\nh3 slots=2\n' >hosts
plan
PATH=$work/stub:$PATH supervise --hostfile hosts --run run
check "a host that failed twice is dropped" eval 'ends_with 0 && says "h2 failed twice" && ! grep -q h2 hosts.now'
check "and its slots with it" eval '[[ $(<starts) == $(printf "np 6\nnp 6\nnp 4") ]]'
plan
touch hangs
PATH=$work/stub:$PATH supervise --hostfile hosts --run run
check "a host whose ranks hang is dropped, one that a warning names is not" \
  eval 'ends_with 0 && [[ $(<starts) == $(printf "np 6\nnp 6\nnp 4") && $(wc -l <hosts.now) == 2 ]]'
rm hangs
plan
touch dies
PATH=$work/stub:$PATH supervise --hostfile hosts --run run
check "a lost host that cannot be reached is dropped" eval 'ends_with 0 && [[ $(<starts) == $(printf "np 6\nnp 6\nnp 4") ]]'
plan
PATH=$work/stub:$PATH supervise --hostfile hosts --run run
check "a host that never answered ends it" eval 'ends_with 255 && starts 1'
rm off
check "the user's hostfile is left as it is" grep -q h2 hosts
printf 'h2 slots=2\n' >hosts
plan
PATH=$work/stub:$PATH supervise --max-restarts 3 --hostfile hosts --run run
check "the last host is not dropped" eval 'ends_with 137 && grep -q h2 hosts.now'

# ---- PBS --------------------------------------------------------------------------------------

cat >stub/qsub <<'Q'
#!/usr/bin/env bash
printf '%s\n' "$@" >"$WORK/next"
echo 43.server
Q
printf '#!/bin/sh\necho "    Resource_List.walltime = 01:02:03"\n' >stub/qstat
chmod +x stub/qsub stub/qstat
printf 'localhost\nlocalhost\n' >nodes
touch config.yaml
pbs() {
  code=0
  env PATH="$work/stub-q:$PATH" PBS_JOBID=42.server PBS_O_WORKDIR="$work" PBS_NODEFILE="$work/nodes" \
    DIST_TRAIN_HOME="$root" CONFIG=config.yaml RUN=run "$@" "$root/launch/pbs.sh" >output 2>&1 || code=$?
}
mkdir stub-q
cp stub/qsub stub/qstat stub-q/
plan 75 75
pbs
check "PBS: 75 submits the next job" eval 'ends_with 75 && grep -qxF "CONFIG=config.yaml,RUN=run,DIST_TRAIN_HOME=$root" next'
check "PBS: two slots are two ranks, which continue" grep -qF -- '--expect-ranks 2 --config config.yaml --run run --resume auto' starts
check "PBS: the walltime is the time limit" grep -qE -- '--time-limit 37[0-9][0-9]s' starts
plan 0 0
pbs PBS_WALLTIME=500
check "PBS: a finished run is the last" eval 'ends_with 0 && [[ ! -e next ]] && grep -qE -- "--time-limit (500|49[0-9])s" starts'
pbs RUN=
check "PBS: RUN is needed" eval 'ends_with 64 && says "RUN"'
pbs RUN='a,b'
check "PBS: a value that qsub cannot carry" eval 'ends_with 64 && says "cannot carry"'
pbs PBS_NODEFILE=/nowhere
check "PBS: a node file that is not there" eval 'ends_with 64 && says /nowhere'
pbs PBS_JOBID='1;id'
check "PBS: a job number that is none" ends_with 64

# ---- LSF --------------------------------------------------------------------------------------

lsf() {
  code=0
  env LSB_JOBID=7 LS_SUBCWD="$root" LSB_DJOB_HOSTFILE="$work/nodes" CONFIG=config.yaml RUN=run "$@" \
    bash <"$root/launch/lsf.sh" >output 2>&1 || code=$?
}
plan 75 75
lsf
check "LSF: 75 is handed on, for -Q" eval 'ends_with 75 && grep -qF -- "--expect-ranks 2 --config config.yaml --run run --resume auto" starts'
lsf CONFIG=
check "LSF: CONFIG is needed" eval 'ends_with 64 && says "CONFIG"'
lsf LSB_DJOB_HOSTFILE=/nowhere
check "LSF: a host file that is not there" eval 'ends_with 64 && says /nowhere'
for file in slurm.sbatch pbs.sh lsf.sh; do check "bash reads $file" bash -n "$root/launch/$file"; done

report
