#!/usr/bin/env bats
# What a person at a terminal sees of redlock.

load lib/redlock.bash

setup_file() { isolate; }
setup() {
  redlock_setup
  start_nodes 1
  terminal=$BATS_TEST_DIRNAME/../helpers/terminal.py
}
teardown() {
  stop_nodes
  redlock_teardown
}

see() {
  run "$terminal" "$@"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "at a terminal, waiting shows one line that is kept up to date and disappears with the grant" {
  start_holder x
  see "type stty cols 200; PATH=${REDLOCK%/*}:\$PATH\r" 'see PROMPT> ' 'type redlock run x -- echo ran\r' \
    "match \r\x1b\[Kredlock: waiting for 'x' [0-9]s, 1st of 1 in line: held by " "see pid $holder" 'see expires in' \
    "match \r\x1b\[Kredlock: waiting for 'x' [2-9]s, 1st of 1 in line: held by" \
    "type \x03" 'see PROMPT> '
  # Written over, not below each other.
  [ "$(grep -c $'\r\e\\[Kredlock: waiting' <<< "$output")" -eq 1 ]
  [[ $output != *"waiting for 'x'"*$'\n'*"waiting for 'x'"* ]]
  end_holder
  nothing_left_of x
}

@test "the line tells of a free lock that is kept for the next in line" {
  start_holder y
  start_redlock first run -q x y -- true
  wait_until 20 eval '[[ $(redis_cli 1 EXISTS redlock.bar:x) -eq 1 ]]'
  see "type stty cols 200; PATH=${REDLOCK%/*}:\$PATH\r" 'see PROMPT> ' 'type redlock run x -- true\r' \
    "match redlock: waiting for 'x' [0-9]s, 2nd of 2 in line: kept for the next in line since " \
    'see which waits for several locks or was passed over' 'type \x03' 'see PROMPT> '
  end_holder
  finish "$redlock"
  [ "$status" -eq 0 ]
}

@test "the line of a waiting redlock fits a terminal of 20 columns" {
  start_holder x
  see "type stty cols 20; PATH=${REDLOCK%/*}:\$PATH\r" 'see PROMPT> ' 'type redlock run x -- true\r' \
    'see redlock: waiting...' 'type \x03' 'see PROMPT> '
  end_holder
}

@test "a message about the grant takes the place of the waiting line" {
  start_holder x
  see "type PATH=${REDLOCK%/*}:\$PATH\r" 'see PROMPT> ' \
    "type redlock run --retry-delay 20ms x -- echo r\"a\"n\r" \
    "see waiting for 'x'" "run kill -TERM $holder" "see \\r\\x1b[Kredlock: lock 'x' granted after" 'see ran'
  finish "$holder"
  [ "$status" -eq 143 ]
}

@test "a job in the background writes no line over the user's input" {
  start_holder x
  see "type PATH=${REDLOCK%/*}:\$PATH\r" 'see PROMPT> ' 'type redlock run x -- true &\r' \
    "see is held by" 'see : waiting' 'type sleep 1.5; echo typ"e"d\r' 'see typed' 'type kill %1; wait; echo e"n"d\r' 'see end'
  [[ $output != *"waiting for"* ]]
  end_holder
}

@test "--quiet shows no line at a terminal, either" {
  start_holder x
  see "type PATH=${REDLOCK%/*}:\$PATH\r" 'see PROMPT> ' 'type redlock run -q -w 3s x -- true; echo code=$?\r' 'see code=75'
  [[ $output != *redlock:* ]]
  end_holder
}
