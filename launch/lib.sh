# shellcheck shell=bash
# Functions that the scripts in this folder share; sourced by them, never run by itself.
# A caller has `set -euo pipefail` and sources this file by its own resolved path.
# Exit codes: 64 wrong usage, 69 something needed is missing, 73 cannot write; others are those
# of the program that was run.

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
script=launch/${0##*/}
product=swift-dist-train
minimum_swift=6.1

# Packages for building and running; the second group is what Swift's own binaries and its
# linker need on Debian (libgcc-12-dev also holds libgomp.so, which oneDNN's threads come from).
packages=(
  libopenmpi-dev openmpi-bin libdnnl-dev zlib1g-dev pkg-config dataset-fashion-mnist
  bible-kjv bible-kjv-text
  binutils libc6-dev libgcc-12-dev libstdc++-12-dev libcurl4 libsqlite3-0 libuuid1 libxml2
  ca-certificates git tzdata
)

# Where the kernel says how much CPU this process may use (variables, so that tests can move them).
cgroup_root=/sys/fs/cgroup
cgroup_self=/proc/self/cgroup

# note TEXT: one line to stderr; a stderr that nobody reads any more does not end the caller.
note() { (printf '%s: %s\n' "$script" "$1") >&2 || true; }

# die CODE TEXT
die() {
  note "$2"
  exit "$1"
}

# print_head FILE: the comment at the top of a script, which is its help text.
print_head() { sed -n -e '1d' -e '/^#/!q' -e 's/^# \{0,1\}//p' -- "$1"; }

# help_wanted FILE ARGUMENTS…: prints the help and ends when the first argument asks for it.
help_wanted() {
  case ${2-} in
    -h | --help)
      print_head "$1"
      exit 0
      ;;
  esac
}

# ---- packages ---------------------------------------------------------------------------------

# apt_install PACKAGE…: installs those that are missing; touches nothing when none is.
apt_install() {
  local package installed as_root=() missing=()
  type dpkg-query apt-get >/dev/null 2>&1 ||
    die 69 "this is no Debian system (no dpkg-query or apt-get); install what these packages hold yourself: $*"
  installed=$(dpkg-query -W -f='${Package}=${db:Status-Status} ' "$@" 2>/dev/null) || true
  for package in "$@"; do
    [[ " $installed" == *" $package=installed "* ]] && continue
    [[ $package == pkg-config ]] && command -v pkg-config >/dev/null && continue # pkgconf is one too
    missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0

  if [[ $EUID -ne 0 ]]; then
    as_root=(sudo)
    [[ -t 0 && -t 2 ]] || as_root=(sudo -n) # nobody is there to type a password
    { command -v sudo >/dev/null && "${as_root[@]}" true; } ||
      die 69 "packages are missing and neither root nor sudo is at hand; ask an administrator to run: apt-get install ${missing[*]}"
  fi
  note "installing ${missing[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
  quietly "${as_root[@]}" "${apt[@]}" update </dev/null ||
    note "apt-get update failed; trying with the package lists that are here"
  quietly "${as_root[@]}" "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null ||
    die 69 "apt-get could not install: ${missing[*]} (its output is above)"
}

# check_swift: a Swift compiler that is new enough.
check_swift() {
  local banner
  command -v swift >/dev/null ||
    die 69 "no Swift compiler on PATH; Swift $minimum_swift or newer is needed. Install it as https://www.swift.org/install/linux says, for example with swiftly:
  curl -LO https://download.swift.org/swiftly/linux/swiftly-\$(uname -m).tar.gz
  tar zxf swiftly-\$(uname -m).tar.gz && ./swiftly init && . ~/.local/share/swiftly/env.sh"
  banner=$(swift --version 2>&1) || die 69 "swift --version fails: $banner"
  [[ $banner =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] ||
    die 69 "swift --version says nothing that can be read: $banner"
  local major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
  ((major > ${minimum_swift%.*} || (major == ${minimum_swift%.*} && minor >= ${minimum_swift#*.}))) ||
    die 69 "Swift $major.$minor is too old, $minimum_swift is needed: see https://www.swift.org/install/linux"
}

# set_up: everything that building and running need.
set_up() {
  apt_install "${packages[@]}"
  check_swift
}

# ---- building ---------------------------------------------------------------------------------

# quietly COMMAND…: shows its output only when it fails, and on a terminal its last line meanwhile.
quietly() {
  local log line rc=0
  log=$(mktemp -t dist-train.XXXXXXXX) || die 73 "cannot make a temporary file in ${TMPDIR:-/tmp}"
  if [[ -t 2 ]]; then
    "$@" 2>&1 | while IFS= read -r line || [[ -n $line ]]; do
      printf '%s\n' "$line" >>"$log"
      line=${line//[^[:print:]]/ }
      printf '\r\033[K%.78s' "$line" >&2
    done || rc=$?
    printf '\r\033[K' >&2
  else
    "$@" >"$log" 2>&1 || rc=$?
  fi
  [[ $rc -eq 0 ]] || cat -- "$log" >&2
  rm -f -- "$log"
  return "$rc"
}

# build_program: the release program, needing no Swift libraries where it runs. `build_options`
# are further options of swift build. A cached manifest would name the commit of an earlier build.
build_options=()
build_program() {
  local begin=$SECONDS
  note "building $product (the first time takes minutes)"
  (cd -- "$root" && quietly swift build -c release --static-swift-stdlib --product "$product" \
    --manifest-cache none "${build_options[@]}") ||
    die $? "the build failed"
  note "built in $((SECONDS - begin)) s"
}

# find_program: sets `program` to an absolute path. DIST_TRAIN_PROGRAM, else the build of this
# folder, else the installed one.
find_program() {
  local found
  if [[ -n ${DIST_TRAIN_PROGRAM-} ]]; then
    found=$(type -P -- "$DIST_TRAIN_PROGRAM") ||
      die 69 "DIST_TRAIN_PROGRAM names no program: $DIST_TRAIN_PROGRAM"
  elif [[ -x $root/.build/release/$product ]]; then
    found=$root/.build/release/$product
  else
    found=$(type -P -- "$product") || die 69 "$product is not built yet: run launch/build"
  fi
  # Links are kept: another host may resolve them in another way.
  # shellcheck disable=SC2034
  program=$(realpath -s -- "$found")
}

# ---- running ----------------------------------------------------------------------------------

# mpi_environment: mpirun refuses root without both variables; Swift's own crash report (slow,
# some forty coloured lines a rank) gives way to mpirun's sentence. `environment` is what was set.
environment=()
mpi_environment() {
  if [[ $EUID -eq 0 ]]; then
    environment+=(OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1)
  fi
  [[ -n ${SWIFT_BACKTRACE-} ]] || environment+=(SWIFT_BACKTRACE=enable=no)
  [[ ${#environment[@]} -eq 0 ]] || export "${environment[@]}"
}

# cores_of CPULIST: how many physical cores a list such as 0-3,8 touches. Two hardware threads
# of a core count once: Open MPI counts so, and oneDNN gains nothing from the second.
cores_of() {
  local range cpu siblings
  local -A seen=()
  for range in ${1//,/ }; do
    for ((cpu = ${range%-*}; cpu <= ${range#*-}; cpu++)); do
      siblings=$cpu
      read -r siblings 2>/dev/null </sys/devices/system/cpu/cpu"$cpu"/topology/thread_siblings_list || true
      seen[$siblings]=1
    done
  done
  echo "${#seen[@]}"
}

# cgroup_cores: whole cores that the CPU quota of this process's groups allows; nothing if none.
cgroup_cores() {
  local line controllers path base dir quota period least=
  while IFS= read -r line; do
    line=${line#*:} controllers=${line%%:*} path=${line#*:}
    case ,$controllers, in
      ,,) base=$cgroup_root ;;
      *,cpu,*) base=$cgroup_root/$controllers && [[ -d $base ]] || base=$cgroup_root/cpu ;;
      *) continue ;;
    esac
    dir=$base/${path#/}
    [[ -d $dir && $path != *..* ]] || dir=$base # a container that sees only its own part
    while :; do
      quota=max period=100000
      if [[ -r $dir/cpu.max ]]; then
        read -r quota period <"$dir/cpu.max" || true
      elif [[ -r $dir/cpu.cfs_quota_us && -r $dir/cpu.cfs_period_us ]]; then
        read -r quota <"$dir/cpu.cfs_quota_us" || true
        read -r period <"$dir/cpu.cfs_period_us" || true
      fi
      if [[ $quota =~ ^[0-9]+$ && $period =~ ^[1-9][0-9]*$ ]]; then
        quota=$((quota / period > 0 ? quota / period : 1))
        [[ -n $least && $least -le $quota ]] || least=$quota
      fi
      [[ ${dir%/} != "$base" && $dir == "$base"/* ]] || break
      dir=${dir%/} dir=${dir%/*}
    done
  done <"$cgroup_self"
  echo "$least"
}

# usable_cores: by affinity mask and CPU quota, at least 1.
usable_cores() {
  local key value cpus='' cores quota
  while read -r key value; do
    [[ $key != Cpus_allowed_list: ]] || cpus=$value
  done </proc/self/status
  if [[ $cpus =~ ^[0-9,-]+$ ]]; then cores=$(cores_of "$cpus"); else cores=$(getconf _NPROCESSORS_ONLN); fi
  quota=$(cgroup_cores 2>/dev/null) || quota=
  if [[ -n $quota && $quota -lt $cores ]]; then cores=$quota; fi
  echo "$((cores > 0 ? cores : 1))"
}
