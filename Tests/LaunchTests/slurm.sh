#!/usr/bin/env bash
# A Slurm job with real daemons on this machine: it meets its time limit, saves, is requeued and
# finishes in the bits of a run that was never stopped. Prints the job's whole log. Then an array
# of two jobs, each with a run and a seed of its own.
#
#   Tests/LaunchTests/slurm.sh
#
# Needs root, Debian's slurm-wlm and munge, the built program, and no other slurmctld; where one is
# missing it says so and ends with 0. Takes about three minutes: Slurm's shortest limit is one.
set -euo pipefail
root=$(dirname -- "$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")")
skip() {
  echo "skipped: $1"
  exit 0
}
[[ $EUID -eq 0 ]] || skip "only root can start Slurm's daemons"
for tool in slurmctld slurmd munged; do
  type -P "$tool" /usr/sbin/"$tool" >/dev/null || skip "$tool is not installed (apt-get install slurm-wlm munge)"
done
! { pgrep -x slurmctld || pgrep -x slurmd; } >/dev/null || skip "Slurm runs here already"
export PATH=$PATH:/usr/sbin
program=${DIST_TRAIN_PROGRAM:-$root/.build/release/swift-dist-train}
[[ -x $program ]] || skip "the program is not built"
export DIST_TRAIN_PROGRAM=$program DIST_TRAIN_HOME=$root

work=$(mktemp -d -t slurm-test.XXXXXXXX)
own_munge=
down() {
  scancel --user=root 2>/dev/null || true
  local file
  for file in "$work"/slurmd.pid "$work"/slurmctld.pid; do
    [[ ! -s $file ]] || kill "$(<"$file")" 2>/dev/null || true
  done
  [[ -z $own_munge ]] || kill "$(<"$work/munged.pid")" 2>/dev/null || true
  sleep 1
  rm -rf -- "$work"
}
trap down EXIT
chmod 755 "$work"
mkdir "$work/state" "$work/spool"
if ! munge -n </dev/null >/dev/null 2>&1; then
  [[ -s /etc/munge/munge.key ]] || skip "munge has no key"
  mkdir -p /run/munge
  chown munge: /run/munge
  mkdir "$work/munge"
  chown munge: "$work/munge"
  runuser -u munge -- munged --pid-file="$work/munge/pid" --log-file="$work/munge/log" ||
    skip "munged does not start"
  ln -s munge/pid "$work/munged.pid"
  own_munge=yes
fi
host=$(uname -n)
host=${host%%.*}
cat >"$work/slurm.conf" <<C
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=1
JobRequeue=1
KillWait=20
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=60 State=UP
C
echo 'CgroupPlugin=cgroup/v1' >"$work/cgroup.conf"
export SLURM_CONF=$work/slurm.conf
slurmctld
slurmd
for ((i = 0; i < 60; i++)); do
  [[ $(sinfo -h -o %T 2>/dev/null) != idle ]] || break
  sleep 0.5
done
[[ $(sinfo -h -o %T) == idle ]] || { cat "$work"/slurm*.log; skip "the node does not become idle"; }

# The run is endless until the job has met its limit once; then its end is near.
cd -- "$work"
recipe() { # recipe STEPS
  printf '%s\n' 'data: digits' 'logical-ranks: 4' 'threads: 1' 'batch-size: full' \
    'optimizer: sgd' 'log-every: 100000' \
    'eval-every: 100000000st' 'checkpoint-every: 1000st' "steps: $1" >recipe.yaml
}
recipe 100000000
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
job=$(sbatch --parsable -n 2 -t 1 --signal=B:USR1@30 --output="$work/job.log" \
  "$root/launch/slurm.sbatch" --run "$work/run" --config "$work/recipe.yaml")
steps=
for ((i = 0; i < 300; i++)); do
  if [[ -z $steps ]] && grep -q 'goes back' job.log 2>/dev/null; then
    steps=$(readlink run/latest)
    steps=$((10#${steps##*_} + 2000))
    recipe "$steps"
  fi
  # Slurm holds a requeued job for two minutes.
  [[ -z $steps ]] || scontrol update jobid="$job" StartTime=now 2>/dev/null || true
  ! scontrol show job "$job" | grep -qE 'JobState=(COMPLETED|FAILED|CANCELLED|TIMEOUT)' || break
  sleep 1
done
echo "==== $(scontrol show job "$job" | grep -oE '(JobState|Restarts|ExitCode)=[^ ]*' | paste -sd' ')"
cat job.log
echo "==== the same work, never stopped"
mpirun -np 1 --bind-to none "$program" --config recipe.yaml --run whole --quiet </dev/null
sums=$(sha256sum run/model.safetensors whole/model.safetensors | cut -d' ' -f1 | uniq | wc -l)
sha256sum run/model.safetensors whole/model.safetensors
if ! grep -q 'goes back into the queue' job.log || [[ $sums -ne 1 ]]; then
  echo FAILED
  exit 1
fi
echo "==== an array"
sbatch --wait --array 0-1 -n 1 -t 1 --output="$work/array-%a.log" "$root/launch/slurm.sbatch" \
  --run "$work/seed-%a" --seed %a --steps 50 --quiet || { cat array-?.log && echo FAILED && exit 1; }
cat array-?.log
if cmp seed-0/model.safetensors seed-1/model.safetensors; then
  echo FAILED
  exit 1
fi
echo "passed: requeued and equal in bits; an array's jobs apart"
