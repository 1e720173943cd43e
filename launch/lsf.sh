#!/usr/bin/env bash
#BSUB -J dist-train
#BSUB -o dist-train-%J.log
#BSUB -n 4
#BSUB -W 4:00
#BSUB -r
#BSUB -Q "75"
#BSUB -wa USR1
#BSUB -wt 5
#
# Trains under LSF, which starts the job again when it ends with 75: stopped early and saved.
#
#   CONFIG=run.yaml RUN=runs/a bsub < launch/lsf.sh
#
# bsub reads the script from standard input, so that it gets no arguments: options stand in the
# YAML file CONFIG, and RUN is the run's folder. Submit from this repository, or set
# DIST_TRAIN_HOME to it. RANKS replaces one rank a slot.
#
# Five minutes before the job's end (-wt), and at `bkill -s USR1 JOB`, the program saves. `bkill`
# ends the job for good.
set -euo pipefail
home=${DIST_TRAIN_HOME:-${LS_SUBCWD:-.}}
[[ -r $home/launch/batch.sh ]] || {
  echo "lsf.sh: no launch/batch.sh in $home; set DIST_TRAIN_HOME to the repository" >&2
  exit 64
}
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$home/launch/lib.sh"
# shellcheck source-path=SCRIPTDIR source=batch.sh
source "$home/launch/batch.sh"
script=launch/lsf.sh

[[ ${LSB_JOBID-} =~ ^[0-9]+$ ]] || die 64 "no LSF job: submit it with bsub < launch/lsf.sh"
[[ -n ${CONFIG-} && -n ${RUN-} ]] ||
  die 64 "CONFIG and RUN are needed: CONFIG=run.yaml RUN=runs/a bsub < launch/lsf.sh"
count_lines "${LSB_DJOB_HOSTFILE:-(LSB_DJOB_HOSTFILE is not set)}"

agent=() # LSF's own way to other hosts, where there is one: processes stay under its control
if command -v blaunch >/dev/null; then
  agent=(--mpirun --mca --mpirun plm_rsh_agent --mpirun blaunch)
fi
resuming --config "$CONFIG" --run "$RUN"
hold "$home/launch/run" --hostfile "$LSB_DJOB_HOSTFILE" -np "${RANKS:-$lines}" "${agent[@]}" \
  "${arguments[@]}"
# With 75 LSF would start a job again that somebody has killed.
[[ $code -ne 75 || -z $cancelled ]] || code=143
exit "$code"
