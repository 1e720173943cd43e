#!/usr/bin/env bash
#PBS -N dist-train
#PBS -j oe
#PBS -r y
#PBS -l select=1:ncpus=4:mpiprocs=4
#PBS -l walltime=04:00:00
#
# Trains under PBS, and submits itself again when the time is up.
#
#   qsub -v CONFIG=run.yaml,RUN=runs/a launch/pbs.sh
#
# PBS scripts get no arguments: options stand in the YAML file CONFIG, and RUN is the run's folder.
# Resources stand in the #PBS lines above, so that the job that follows has the same. Submit from
# this repository, or add DIST_TRAIN_HOME=… to -v. RANKS replaces one rank a slot.
#
# The job's walltime becomes --time-limit: the program saves in time and ends with 75, and the
# script submits the next job, which continues. `qdel` ends the job for good.
set -euo pipefail
cd -- "${PBS_O_WORKDIR:-.}"
home=${DIST_TRAIN_HOME:-$PWD}
[[ -r $home/launch/batch.sh ]] || {
  echo "pbs.sh: no launch/batch.sh in $home; set DIST_TRAIN_HOME to the repository" >&2
  exit 64
}
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$home/launch/lib.sh"
# shellcheck source-path=SCRIPTDIR source=batch.sh
source "$home/launch/batch.sh"
script=launch/pbs.sh

[[ ${PBS_JOBID-} =~ ^[][A-Za-z0-9._-]+$ ]] || die 64 "no PBS job: submit it with qsub"
for value in "${CONFIG-}" "${RUN-}" "$home"; do
  [[ -n $value ]] || die 64 "CONFIG and RUN are needed: qsub -v CONFIG=run.yaml,RUN=runs/a"
  [[ $value != *[,=\"\'\\]* ]] || die 64 "qsub -v cannot carry this value: $value"
done
count_lines "${PBS_NODEFILE:-(PBS_NODEFILE is not set)}"

# OpenPBS tells the walltime only to qstat, Torque in PBS_WALLTIME.
walltime=${PBS_WALLTIME-}
if [[ -z $walltime ]]; then
  walltime=$(qstat -f "$PBS_JOBID" | sed -n 's/.*Resource_List.walltime = //p') || true
  if seconds_of "$walltime"; then walltime=$seconds; else walltime=; fi
fi
limit=()
if [[ $walltime =~ ^[0-9]+$ ]]; then
  limit=(--time-limit "$((walltime > SECONDS + 10 ? walltime - SECONDS : 10))s")
else
  note "the walltime is not known: nothing is saved before PBS ends the job"
fi

resuming --config "$CONFIG" --run "$RUN"
hold "$home/launch/run" --hostfile "$PBS_NODEFILE" -np "${RANKS:-$lines}" "${arguments[@]}" "${limit[@]}"
if [[ $code -eq 75 && -z $cancelled ]]; then
  next=$(qsub -v "CONFIG=$CONFIG,RUN=$RUN,DIST_TRAIN_HOME=$home${RANKS:+,RANKS=$RANKS}" \
    "$home/launch/pbs.sh") || die 75 "saved, but the next job cannot be submitted"
  note "saved; job $next continues"
fi
exit "$code"
