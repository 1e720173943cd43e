# shellcheck shell=bash
# Functions that the batch scripts and supervise share; sourced by them after lib.sh.
# shellcheck disable=SC2034

# hold COMMAND…: runs it and passes signals on to it, in a session of its own, so that the terminal's
# Ctrl-C reaches it once. Sets code; asked where a signal came; cancelled where that was HUP, INT or
# TERM: somebody wants this job gone, so it must not come back by itself.
code=0 asked='' cancelled=''
hold() {
  local pid interrupted signal
  # A background job of a script ignores INT and QUIT, and so would all that it starts.
  setsid env --default-signal=INT,QUIT "$@" &
  pid=$!
  for signal in HUP INT TERM USR1 USR2; do
    # shellcheck disable=SC2064
    trap "interrupted=yes; pass_on $signal $pid" "$signal"
  done
  while :; do
    interrupted='' code=0
    wait "$pid" || code=$?
    [[ -n $interrupted ]] || break # else a signal ended the wait, and the code is not the command's
  done
  trap - HUP INT TERM USR1 USR2
}
pass_on() {
  asked=yes
  [[ $1 == USR[12] ]] || cancelled=yes
  kill -"$1" "$2" 2>/dev/null || true
}

# seconds_of [[D-]HH:]MM:SS: sets `seconds`.
seconds_of() {
  [[ $1 =~ ^(([0-9]{1,3})-)?(([0-9]{1,5}):)?([0-9]{1,2}):([0-9]{2})$ ]] || return 1
  seconds=$(((10#${BASH_REMATCH[2]:-0} * 24 + 10#${BASH_REMATCH[4]:-0}) * 3600 +
    10#${BASH_REMATCH[5]} * 60 + 10#${BASH_REMATCH[6]}))
}

# count_lines FILE: sets `lines`, the slots of a batch system's host file.
count_lines() {
  [[ -f $1 && -r $1 ]] || die 64 "the batch system's host file cannot be read: $1"
  lines=$(grep -c . -- "$1") || die 64 "the batch system's host file is empty: $1"
}

# resuming ARGUMENTS…: sets `arguments`, with --resume auto unless they say something of it.
resuming() {
  local argument
  arguments=("$@" --resume auto)
  for argument in "$@"; do
    [[ $argument != --resume && $argument != --resume=* ]] || arguments=("$@")
  done
}
