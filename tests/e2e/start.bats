#!/usr/bin/env bats
# The moment in which a command starts: signals of a terminal, and a search for it that takes long. Each test holds the
# moment open (tests/helpers/hold-fork.c). Without Redis.

bats_require_minimum_version 1.5.0
load lib/process.bash

setup() {
  process_setup
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "a sanitizer wants to be loaded first"
  hold=$BATS_TEST_TMPDIR/hold
  mkdir "$hold"
  preload=LD_PRELOAD=$REDLOCK_HELPERS/libhold-fork.so
}
teardown() {
  touch "$hold/go"
  process_teardown
}

# A person at a terminal starts `sleep 1000` under the driver, does the steps given while $1 is held, and then it goes on.
at_terminal() {
  local place=$1
  shift
  rm -f "$hold"/*
  run "$helpers/terminal.py" \
    "type env $place=$hold $preload $REDLOCK_LEASH_DRIVER --report $report_file sleep 1000\r" \
    "run until [ -e $hold/held ]; do sleep 0.01; done" "$@"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "Ctrl-C between the grant and the start of the command ends it, and the run with 130" {
  for place in HOLD_FORK HOLD_COMMAND_FORK HOLD_EXEC; do
    at_terminal "$place" 'type \x03' "run touch $hold/go" 'see PROMPT> ' 'type echo code=$?\r' 'see code=130'
    [ "$(< "$report_file")" = "signalled 2 held" ]
    at_terminal "$place" 'type \x1c' "run touch $hold/go" 'see PROMPT> ' 'type echo code=$?\r' 'see code=131'
    [ "$(< "$report_file")" = "signalled 3 held" ]
  done
}

@test "a terminal that hangs up between the grant and the start of the command ends it" {
  for place in HOLD_FORK HOLD_COMMAND_FORK HOLD_EXEC; do
    rm -f "$report_file"
    at_terminal "$place" 'hang up' "run touch $hold/go"
    wait_until 10 has_text 'signalled 1 held' "$report_file"
  done
}

@test "Ctrl-Z between the grant and the start of the command suspends the job, and fg brings it back" {
  for place in HOLD_FORK HOLD_COMMAND_FORK HOLD_EXEC; do
    at_terminal "$place" 'type \x1a' "run touch $hold/go" 'see Stopped' 'see PROMPT> ' 'type fg\r' \
      'await job' 'type \x03' 'see PROMPT> ' 'type echo code=$?\r' 'see code=130'
  done
}

@test "a search for the command that hangs is ended at the deadline, and nothing is executed later" {
  needs_the_processors
  start_held --ttl-ms 5000 --kill-after-ms 100 --end-file "$end_file" --ended-file "$BATS_TEST_TMPDIR/ended" \
    touch "$BATS_TEST_TMPDIR/ran"
  finish_driver
  (($(written_at "$BATS_TEST_TMPDIR/ended") < $(< "$end_file")))
  [ "$status" -eq 79 ]
  is_dead "$child"
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "a search for the command that hangs is ended when redlock is killed, and nothing is executed later" {
  start_held --ttl-ms 60000 touch "$BATS_TEST_TMPDIR/ran"
  kill -KILL "$driver"
  wait_until 10 is_dead "$child"
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "signals end a search for the command" {
  start_held --ttl-ms 60000 touch "$BATS_TEST_TMPDIR/ran"
  kill -TERM "$driver"
  finish_driver
  [ "$status" -eq 143 ]
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

# Starts the driver; $child is what is to become the command, held before its exec.
start_held() {
  start_driver_with HOLD_EXEC="$hold" "$preload" -- "$@"
  wait_until 10 test -e "$hold/held"
  find_guard
  child=$(pgrep -P "$guard")
}
start_driver_with() {
  local variables=()
  while [ "$1" != -- ]; do
    variables+=("$1")
    shift
  done
  shift
  env --default-signal=INT,QUIT "${variables[@]}" "$REDLOCK_LEASH_DRIVER" --report "$report_file" "$@" \
    > "$output_file" 2>&1 3>&- &
  driver=$!
}
