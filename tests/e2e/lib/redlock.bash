# Shared by the tests that run the real program: $REDLOCK, or the release build.

bats_require_minimum_version 1.5.0

load lib/process.bash
load lib/nodes.bash

REDLOCK=$(realpath -m "${REDLOCK:-$BATS_TEST_DIRNAME/../../build/release/redlock}")
export REDLOCK
# Beside it, what tests load into it.
readonly helpers_dir=${REDLOCK%/*}/helpers

# Nothing of the user's own settings reaches a test.
isolate() {
  local variable
  # The tests of a file share its nodes.
  export BATS_NO_PARALLELIZE_WITHIN_FILE=true
  export BATS_TEST_TIMEOUT=${REDLOCK_TEST_TIMEOUT:-$((120 + 3 * ${REDLOCK_REPEAT:-0}))}
  for variable in ${!REDLOCK_*}; do
    [[ $variable == REDLOCK_REPEAT || $variable == REDLOCK_TEST_* ]] || unset "$variable"
  done
  export HOME=$BATS_FILE_TMPDIR XDG_CONFIG_HOME=$BATS_FILE_TMPDIR/xdg
  # The server to test with, in the place of the installed one (tests/servers/run).
  if [[ -n ${REDLOCK_TEST_SERVER:-} ]]; then
    mkdir "$BATS_FILE_TMPDIR/servers"
    ln -s "$REDLOCK_TEST_SERVER" "$BATS_FILE_TMPDIR/servers/redis-server"
    export PATH=$BATS_FILE_TMPDIR/servers:$PATH
  fi
  # An empty file, so that /etc/redlock is not looked at.
  : > "$BATS_FILE_TMPDIR/none.toml"
  export REDLOCK_CONFIG=$BATS_FILE_TMPDIR/none.toml
}

# For setup_file() of a suite: no program or server is taken for one that hangs when the machine stands still for a second or
# two. Tests with nodes that hang set a timeout of their own.
be_patient() { export REDLOCK_NODE_TIMEOUT=5s; }

# For setup() of each file.
redlock_setup() {
  [[ -x $REDLOCK ]] || { echo "no program at $REDLOCK: build it, or set REDLOCK" >&2; return 1; }
  lock="lock $BATS_TEST_NUMBER"
  marks=$BATS_TEST_TMPDIR/marks
  mkdir "$marks"
  started=()
}

# For teardown() of each file. What a failed test leaves to look at is kept.
redlock_teardown() {
  local pid
  for pid in "${started[@]}"; do kill -KILL "$pid" 2> /dev/null || :; done
  if [[ -z ${BATS_TEST_COMPLETED:-} && -z ${BATS_TEST_SKIPPED:-} ]]; then
    local logs=${REDLOCK_TEST_LOGS:-${TMPDIR:-/tmp}/redlock-e2e-logs}/${BATS_TEST_FILENAME##*/}-$BATS_TEST_NUMBER
    rm -rf "$logs"
    mkdir -p "$logs"
    cp -r "$BATS_TEST_TMPDIR/." "$logs/" 2> /dev/null || :
    cp "${nodes_dir:-/nowhere}"/*.log "$logs/" 2> /dev/null || :
    [[ -z ${status+set} ]] || printf 'last status: %s\noutput: %s\nstderr: %s\n' "$status" "${output-}" "${stderr-}"
    echo "logs kept in $logs"
  fi
}

# try COMMAND...: like bats' run, but it takes 127 as it comes. Sets $status, $output, $stderr and $lines.
try() {
  status=0
  "$@" > "$BATS_TEST_TMPDIR/try.out" 2> "$BATS_TEST_TMPDIR/try.err" 3>&- || status=$?
  output=$(< "$BATS_TEST_TMPDIR/try.out")
  stderr=$(< "$BATS_TEST_TMPDIR/try.err")
  mapfile -t lines <<< "$output"
}
try_run() { try "$REDLOCK" run "$@"; }

# start_redlock HANDLE ARGUMENT...: in the background; its output goes to $marks/HANDLE.out and .err. Sets $redlock.
start_redlock() {
  local handle=$1
  shift
  "$REDLOCK" "$@" > "$marks/$handle.out" 2> "$marks/$handle.err" 3>&- &
  redlock=$!
  started+=("$redlock")
}

# finish PID: waits for it; its exit status in $status.
finish() {
  status=0
  wait "$1" || status=$?
}

# start_holder LOCK [OPTION...]: holds LOCK until end_holder. Sets $holder.
start_holder() {
  start_redlock holder run "${@:2}" "$1" -- sh -c "touch '$marks/held'; exec sleep 1000"
  holder=$redlock
  wait_until 20 test -e "$marks/held"
}
end_holder() {
  kill -TERM "$holder"
  finish "$holder"
  rm -f "$marks/held"
  [ "$status" -eq 143 ]
}

# launch HANDLE COMMAND...: in the background as a shell at a terminal would start it (sh ignores INT and QUIT for what
# it starts with "&"). $marks/HANDLE.pid has its pid and at its end $marks/HANDLE.ending "exited N" or "signalled N".
launch() {
  local handle=$1
  shift
  /usr/bin/python3 -c '
import signal, subprocess, sys
stem, command = sys.argv[1], sys.argv[2:]
def defaults():
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
with open(stem + ".out", "wb") as out, open(stem + ".err", "wb") as err:
    child = subprocess.Popen(command, stdout=out, stderr=err, preexec_fn=defaults)
    with open(stem + ".pid", "w") as file:
        print(child.pid, file=file)
    code = child.wait()
with open(stem + ".ending", "w") as file:
    print("exited" if code >= 0 else "signalled", abs(code), file=file)
' "$marks/$handle" "$@" 3>&- &
  wait_until 20 has_lines 1 "$marks/$handle.pid"
  launched=$(< "$marks/$handle.pid")
  started+=("$launched")
}
ending_of() {
  wait_until 20 has_lines 1 "$marks/$1.ending"
  cat "$marks/$1.ending"
}

microseconds() { echo "${EPOCHREALTIME/./}"; }

# For tests that load a library into redlock with LD_PRELOAD.
needs_preloading() {
  local libraries
  libraries=$(ldd "$REDLOCK" 2>&1) || skip "redlock is linked statically and loads no library"
  [[ $libraries != *san.so* ]] || skip "a sanitizer wants to be loaded first"
}
