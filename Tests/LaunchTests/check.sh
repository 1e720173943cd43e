# What the launch tests share; they source it. `output` is the file with what the command at hand
# has printed, `code` its exit code.
# shellcheck shell=bash

passed=0 failed=0
check() { # check NAME COMMAND…: one test; shows `output` where it fails
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    sed 's/^/      | /' output
  fi
}
says() { grep -qF -- "$1" output; }
# shellcheck disable=SC2154
ends_with() { [[ $code -eq $1 ]]; }
report() { # the last line of a test; fails where any has
  echo "$passed passed, $failed failed"
  [[ $failed -eq 0 ]]
}
