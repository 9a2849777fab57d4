#!/usr/bin/env bats
# How long a lease lasts, who may count on it, and how long an attempt to get it takes.

load lib/redlock.bash

setup_file() { isolate; }
setup() { redlock_setup; }
teardown() {
  [[ -z ${proxy:-} ]] || kill "$proxy" 2> /dev/null || :
  stop_nodes
  redlock_teardown
}

nodes_are_up_for() {
  local node
  for node in $(all_nodes); do
    [[ $(redis_cli "$node" INFO server) =~ uptime_in_seconds:([0-9]+) ]] && ((BASH_REMATCH[1] >= $1)) || return 1
  done
}
all_in_queue() {
  local node
  for node in $(all_nodes); do [[ $(redis_cli "$node" ZCARD "redlock.queue:$lock") == "$1" ]] || return 1; done
}

scripts_at() { redis_cli "$1" INFO commandstats | sed -n 's/^cmdstat_eval:calls=\([0-9]*\),.*/\1/p'; }

@test "an extension by hand with a shorter TTL does not shorten the lease of run" {
  local node
  start_nodes 3
  start_redlock holder run --ttl 60s "$lock" -- sh -c '"$1" extend --ttl 2s "$REDLOCK_NAME" && touch "$2"; exec sleep 1000' \
    sh "$REDLOCK" "$marks/extended"
  wait_until 20 test -e "$marks/extended"
  wait_until 10 eval '(($(nodes_holding "$lock") == 3))'
  for node in 1 2 3; do
    (($(redis_cli "$node" PTTL "$lock") > 20000))
    (($(redis_cli "$node" PTTL "redlock.info:$lock") > 20000))
  done
  kill -TERM "$redlock"
  finish "$redlock"
}

@test "a TTL that is longer than our quarantine, and that a refusal shows, keeps restarted nodes from voting" {
  start_nodes 3
  start_redlock holder run --ttl 60s "$lock" -- sh -c "touch '$marks/held'; exec sleep 1000"
  wait_until 20 test -e "$marks/held"
  wait_until 10 eval '(($(nodes_holding "$lock") == 3))'
  unset REDLOCK_RESTART_QUARANTINE
  restart_node 1
  restart_node 2
  # By their uptime they have a vote for a contender with a quarantine of 2 s.
  wait_until 20 eval '[[ $(redis_cli 2 INFO server) =~ uptime_in_seconds:([0-9]+) ]] && ((BASH_REMATCH[1] >= 4))'
  try_run -n --ttl 2s --node-timeout 2s "$lock" -- touch "$marks/ran"
  [ "$status" -eq 69 ]
  [[ $stderr == *"(quarantine 1m)"* ]]
  [ ! -e "$marks/ran" ]
  kill -TERM "$redlock"
  finish "$redlock"
}

@test "a waiting client is served as soon as a holder with a longer TTL is gone: released, or deleted by hand" {
  start_nodes 3
  unset REDLOCK_RESTART_QUARANTINE
  # By their uptime they have a vote for a quarantine of 4 s, and none for one of 10 m.
  wait_until 20 nodes_are_up_for 6
  start_redlock holder run --ttl 10m --restart-quarantine 1s "$lock" -- \
    sh -c "touch '$marks/held'; until test -e '$marks/end'; do sleep 0.01; done"
  local holder=$redlock
  wait_until 20 test -e "$marks/held"
  start_redlock first run -w 30 --ttl 4s -k 100ms "$lock" -- touch "$marks/first"
  wait_until 20 all_in_queue 1
  touch "$marks/end"
  finish "$holder"
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ -e "$marks/first" ]

  on_all_nodes SET "$lock" foreign PX 3600000
  start_redlock second run -w 30 --ttl 4s -k 100ms "$lock" -- touch "$marks/second"
  wait_until 20 all_in_queue 1
  on_all_nodes DEL "$lock"
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ -e "$marks/second" ]
}

@test "waiting clients for which no quorum votes do not stand in the way of one that does not wait" {
  start_nodes 3
  unset REDLOCK_RESTART_QUARANTINE
  wait_until 20 nodes_are_up_for 6
  local i
  for i in 1 2 3 4 5 6; do
    start_redlock "waits$i" run --ttl 1h --retry-delay 10ms "$lock" -- touch "$marks/ran"
    wait_until 20 eval 'grep -q "no quorum" "$marks/waits$i.err"'
  done
  for i in $(seq 20); do
    try_run -n --ttl 4s --node-timeout 4s -k 100ms "$lock" -- true
    [ "$status" -eq 0 ]
  done
  [ ! -e "$marks/ran" ]
}

@test "a lock over ways that take longer than a quarter of its TTL is extended" {
  address=127.0.0.1 start_nodes 3
  far_nodes 800
  try_run --ttl 6s --node-timeout 5900ms --kill-after 100ms "$lock" -- sleep 14
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
}

@test "an attempt ends with its time where votes are divided and a node hangs" {
  local node began
  address=127.0.0.1 start_nodes 5
  # Somebody took two votes and died.
  for node in 1 2; do redis_cli "$node" SET "$lock" dead PX 600000; done
  far_nodes 100
  freeze_node 5
  began=$(microseconds)
  try_run -w 2s --node-timeout 3s "$lock" -- true
  [ "$status" -eq 75 ]
  echo "# -w 2s took $(milliseconds_since "$began") ms" >&3
  (($(milliseconds_since "$began") < 9000)) # was 3.6 to 10 times node_timeout
  began=$(microseconds)
  try_run -n --node-timeout 2s "$lock" -- true
  [ "$status" -eq 75 ]
  echo "# -n took $(milliseconds_since "$began") ms" >&3
  (($(milliseconds_since "$began") < 15000)) # at most five node_timeouts, and the last round
}

@test "retry_delay is kept where votes are divided and a node hangs" {
  local node before after
  start_nodes 5
  for node in 1 2; do redis_cli "$node" SET "$lock" dead PX 600000; done
  freeze_node 5
  before=$(scripts_at 3)
  try_run -w 3s --retry-delay 1s --node-timeout 1s "$lock" -- true
  [ "$status" -eq 75 ]
  after=$(scripts_at 3)
  echo "# $((${after:-0} - ${before:-0})) scripts in 3 s" >&3
  ((${after:-0} - ${before:-0} < 150)) # was 170 a second and more
}
