#!/usr/bin/env bash
# A Slurm job with real daemons on this machine: it meets its time limit, saves, is requeued and
# finishes in the bits of a run that was never stopped. Prints the job's whole log.
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

# As much work as this machine does in a good minute and a half; one epoch is 26 steps.
recipe=(--data digits --logical-ranks 4 --threads 1 --schedule cosine --log-every 100000
  --eval-every 10000ep --checkpoint-every 100ep)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpirun -np 2 --bind-to none "$program" "${recipe[@]}" --time-limit 8s --epochs 1000000 \
  --run "$work/probe" </dev/null >/dev/null 2>&1 || true
steps=$(sed -n 's/.*"end".*"step":\([0-9]*\).*"wall_s":\([0-9]*\).*/\1 \2/p' "$work/probe/metrics.jsonl" |
  awk '{ print int($1 / ($2 > 0 ? $2 : 1) * 70) }')
echo "the work: $steps steps, about 70 s; the limit: 60 s"

cd -- "$work"
job=$(sbatch --parsable -n 2 -t 1 --signal=B:USR1@30 --output="$work/job.log" \
  "$root/launch/slurm.sbatch" --run "$work/run" --steps "$steps" "${recipe[@]}")
for ((i = 0; i < 400; i++)); do
  state=$(squeue -h -j "$job" -o %T 2>/dev/null) || state=
  case $state in
    '') break ;;
    PENDING) # held for two minutes after a requeue
      if grep -q 'goes back' job.log 2>/dev/null; then
        scontrol update jobid="$job" StartTime=now || true
      fi
      ;;
  esac
  scontrol show job "$job" | grep -qE 'JobState=(COMPLETED|FAILED|CANCELLED|TIMEOUT)' && break
  sleep 1
done
echo "==== $(scontrol show job "$job" | grep -oE '(JobState|Restarts|ExitCode)=[^ ]*' | paste -sd' ')"
cat job.log
echo "==== the same work, never stopped"
mpirun -np 1 --bind-to none "$program" "${recipe[@]}" --steps "$steps" --run "$work/whole" --quiet </dev/null
sums=$(sha256sum run/model.safetensors whole/model.safetensors | cut -d' ' -f1 | uniq | wc -l)
sha256sum run/model.safetensors whole/model.safetensors
if ! grep -q 'goes back into the queue' job.log || [[ $sums -ne 1 ]]; then
  echo FAILED
  exit 1
fi
echo "passed: requeued and equal in bits"
