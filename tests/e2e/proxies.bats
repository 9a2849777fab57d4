#!/usr/bin/env bats
# Peers that stand between us and a server, or is none: balancers, servers that read otherwise, sentinels.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
}
setup() { redlock_setup; }
teardown() {
  redlock_teardown
  stop_nodes
}

# start_helper NAME ARGUMENT...: one of tests/helpers that prints its port. Sets $front to its URL and $helper to its pid.
start_helper() {
  rm -f "$marks/$1"
  "$BATS_TEST_DIRNAME/../helpers/$1" "${@:2}" > "$marks/$1" 2> "$marks/$1.err" 3>&- &
  helper=$!
  started+=("$helper")
  wait_until 20 has_lines 1 "$marks/$1"
  front=redis://127.0.0.1:$(head -1 "$marks/$1")
}
address_of() {
  local url=$(url_of "$1")
  echo "${url#redis://}"
}
up_for() { (($(redis_cli "$1" INFO server | sed -n 's/^uptime_in_seconds:\([0-9]*\).*/\1/p') >= $2)); }
connections() { grep -c '^connection' "$marks/keydb-front.py"; }

@test "where AUTH must be answered before the rest is written, as by KeyDB, locks are granted all the same" {
  start_nodes 1
  start_helper keydb-front.py "$(address_of 1)"
  redis_cli 1 CONFIG SET requirepass s3cret > /dev/null
  REDLOCK_NODES=${front/\/\//\/\/:s3cret@} try_run -n "$lock" -- true
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  # The first was refused; from then on the program knows.
  [ "$(connections)" -eq 2 ]
  REDLOCK_NODES=${front/\/\//\/\/:s3cret@} try "$REDLOCK" nodes
  [ "$status" -eq 0 ]
  [[ $output == *" yes "* ]]
  REDLOCK_NODES=${front/\/\//\/\/:wrong@} try_run -n "$lock" -- true
  [ "$status" -eq 69 ]
  [[ $stderr == *"does not accept the password: WRONGPASS"* ]]
  REDLOCK_NODES=$front try_run -n "$lock" -- true
  [ "$status" -eq 69 ]
  [[ $stderr == *"asks for a password (NOAUTH)"* ]]
  # Waiting takes further connections, for the notifications.
  redis_cli 1 CONFIG SET requirepass '' > /dev/null
  redis_cli 1 ACL SETUSER default '>s3cret' > /dev/null
  REDLOCK_NODES=${front/\/\//\/\/:s3cret@}
  start_holder "$lock"
  start_redlock waiter run "$lock" -- touch "$marks/second"
  wait_until 20 has_text waiting "$marks/waiter.err"
  end_holder
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ -e "$marks/second" ]
}

@test "an address that leads to several servers is told of by nodes, and has no vote" {
  start_nodes 3
  wait_until 20 up_for 1 3
  wait_until 20 up_for 2 3
  start_helper balancer.py "$(address_of 1)" "$(address_of 2)"
  REDLOCK_NODES="$(url_of 3) $front" try "$REDLOCK" nodes
  [ "$status" -eq 69 ]
  [[ $output == *"$front/0: leads to more than one server, as through a load balancer: locks there exclude nobody"* ]]
  [[ $output != *"$(url_of 3)/0: leads to"* ]]
  # One server behind a balancer is one.
  start_helper balancer.py "$(address_of 1)"
  REDLOCK_NODES=$front try "$REDLOCK" nodes
  [ "$status" -eq 0 ]
  [[ $output != *"leads to more than one server"* ]]
}

@test "a keeper that comes to another server behind the same address warns, and does not take its word" {
  start_nodes 2
  wait_until 20 up_for 1 3
  wait_until 20 up_for 2 3
  start_helper balancer.py "$(address_of 1)" "$(address_of 2)"
  REDLOCK_NODES=$front
  start_redlock holder run --ttl 9s "$lock" -- sh -c "touch '$marks/held'; exec sleep 1000"
  wait_until 20 test -e "$marks/held"
  # The other server would plant the token, and from then on extend it for ever.
  kill -HUP "$helper"
  finish "$redlock"
  [ "$status" -eq 79 ]
  grep -q "$front/0: leads to more than one server, as through a load balancer: its answers do not count" "$marks/holder.err"
}

@test "a restart of the server behind an address is no other server" {
  start_nodes 3
  start_redlock holder run --ttl 9s --restart-quarantine 0 "$lock" -- sh -c "touch '$marks/held'; until [ -e '$marks/go' ]; do sleep 0.02; done"
  wait_until 20 test -e "$marks/held"
  restart_node 1
  restored() { [[ $(redis_cli 1 EXISTS "$lock") == 1 ]]; }
  wait_until 20 restored
  touch "$marks/go"
  finish "$redlock"
  [ "$status" -eq 0 ]
  [[ $(< "$marks/holder.err") != *"more than one server"* ]]
}

@test "a sentinel is said to be one" {
  start_nodes 1
  local port=$(free_ports "$nodes_address" 1)
  printf 'port %s\nbind %s\ndir %s\nsentinel monitor it %s 2\n' "$port" "$nodes_address" "$marks" "$(address_of 1 | tr ':' ' ')" \
    > "$marks/sentinel.conf"
  setpriv --pdeathsig KILL redis-server "$marks/sentinel.conf" --sentinel > "$marks/sentinel.log" 2>&1 3>&- &
  started+=($!)
  answers() { [[ $(redis-cli -h "$nodes_address" -p "$port" PING 2>&1) == PONG ]]; }
  wait_until 20 answers
  for db in 0 3; do
    REDLOCK_NODES=redis://$nodes_address:$port/$db
    try "$REDLOCK" nodes
    [ "$status" -eq 69 ]
    [[ $output == *"/$db: is a sentinel, which keeps no keys: name a server instead"* ]]
    try_run -n "$lock" -- true
    [ "$status" -eq 69 ]
    [[ $stderr == *"/$db: is a sentinel, which keeps no keys: name a server instead"* ]]
  done
}
