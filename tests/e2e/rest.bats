#!/usr/bin/env bats
# `run --at-least`: a lock that is left behind to rest (redlock(1), RESTS).

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

clock='[0-9]{2}:[0-9]{2}:[0-9]{2}'

# What a node says of what is left of the lock, and of its rest.
left_on() { redis_cli "$1" PTTL "${2:-$lock}"; }
rests_with() { [[ $(nodes_resting "$lock" "$1") == $(all_nodes | wc -l) ]]; }
nodes_resting() {
  local node count=0
  for node in $(all_nodes); do [[ $(redis_cli "$node" HGET "redlock.info:$1" resting) != "$2" ]] || ((++count)); done
  echo "$count"
}
# ask_third_first OPTION...: try_run with what it says on its standard error, where nodes 1 and 2 answer only when node 3 has. A node
# that is slower than a quorum is hardly waited for.
ask_third_first() {
  local asked=$(scripts_run 3)
  freeze_node 1 2
  start_redlock third run "$@" "$lock" -- true
  wait_until 20 eval '(($(scripts_run 3) > '"$asked"'))'
  thaw_node 1 2
  finish "$redlock"
  stderr=$(< "$marks/third.err")
}
scripts_run() { redis_cli "$1" INFO commandstats | sed -n 's/^cmdstat_eval:calls=\([0-9]*\),.*/\1/p'; }
is_up() { (($(redis_cli "$1" INFO server | tr -d '\r' | sed -n 's/^uptime_in_seconds://p') >= $2)); }
is_free() { nothing_left_of "${1:-$lock}"; }

# json EXPRESSION: of the JSON in $output, which is `it`.
json() { /usr/bin/python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<< "$output"; }

@test "a command that ends sooner leaves the lock to rest, and who is refused is told what ran and when it may run again" {
  start_nodes 3
  try_run --at-least 1h --note TICKET-7 "$lock" -- true
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  rests_with 0
  for node in 1 2 3; do
    left=$(left_on "$node")
    ((left > 3500000 && left <= 3600000))
  done
  try_run -n "$lock" -- touch "$marks/ran"
  [ "$status" -eq 75 ]
  [[ $stderr =~ ^"redlock: lock '$lock' rests: ran on $(hostname), ended with 0 at "$clock", may run again at "([0-9-]+ )?$clock", note 'TICKET-7'"$ ]]
  [ ! -e "$marks/ran" ]
  try_run -q -n -E 0 "$lock" -- touch "$marks/ran"
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
}

@test "the rest counts from the grant: a command that takes longer than that releases the lock, a shorter rest shortens the lease" {
  start_nodes 3
  try_run --ttl 5m --at-least 200ms "$lock" -- sleep 0.3
  [ "$status" -eq 0 ]
  is_free
  try_run --ttl 5m --at-least 20s "$lock" -- true
  left=$(left_on 1)
  ((left > 0 && left <= 20000))
  rests_with 0
}

@test "a waiter waits for the end of the rest, says so, and gets the lock then" {
  start_nodes 3
  began=$(microseconds)
  try_run --at-least 8s "$lock" -- true
  start_redlock waiter run -w 1m "$lock" -- sh -c 'echo "${EPOCHREALTIME:-$(date +%s%6N)}"'
  waiter=$redlock
  wait_until 20 has_text "rests: ran on $(hostname), ended with 0 at .*: waiting" "$marks/waiter.err"
  finish "$waiter"
  [ "$status" -eq 0 ]
  granted=$(< "$marks/waiter.out")
  # Clocks of nodes may run a little faster.
  ((${granted/[.,]/} - began >= 7900000))
}

@test "who waited for the holder is told when the lock comes to rest" {
  start_nodes 3
  start_redlock holder run --at-least 1h "$lock" -- sh -c "touch '$marks/held'; until test -e '$marks/end'; do sleep 0.05; done; exit 4"
  holder=$redlock
  wait_until 20 test -e "$marks/held"
  start_redlock waiter run --events "$marks/events" "$lock" -- true
  wait_until 20 has_text "is held by" "$marks/waiter.err"
  touch "$marks/end"
  finish "$holder"
  [ "$status" -eq 4 ]
  wait_until 20 has_text "rests: ran on $(hostname), ended with 4 at" "$marks/waiter.err"
  wait_until 20 has_text '"reason":"resting"' "$marks/events"
  kill -TERM "$redlock"
}

@test "with --release-on-failure the lock rests only where the command exited 0" {
  start_nodes 3
  try_run --at-least 1h --release-on-failure "$lock" -- sh -c 'exit 3'
  [ "$status" -eq 3 ]
  is_free
  try_run --at-least 1h --release-on-failure "$lock" -- sh -c 'kill -KILL $$'
  [ "$status" -eq 137 ]
  is_free
  try_run --at-least 1h --release-on-failure "$lock" -- true
  [ "$status" -eq 0 ]
  rests_with 0
}

@test "without it the lock rests however the command ended, but not where it could not be started" {
  start_nodes 3
  try_run --at-least 1h "$lock" -- sh -c 'exit 3'
  [ "$status" -eq 3 ]
  rests_with 3
  start_redlock holder run --at-least 1h "$lock 2" -- sh -c "touch '$marks/held'; exec sleep 1000"
  wait_until 20 test -e "$marks/held"
  kill -TERM "$redlock"
  finish "$redlock"
  [ "$status" -eq 143 ]
  [ "$(nodes_resting "$lock 2" 143)" -eq 3 ]
  try_run --at-least 1h "$lock 3" -- /no/such/command
  [ "$status" -eq 127 ]
  is_free "$lock 3"
}

@test "where the guard is killed, and the command with it, the lock rests, too" {
  start_nodes 3
  start_redlock holder run --at-least 1h "$lock" -- sh -c "touch '$marks/held'; exec sleep 1000"
  wait_until 20 test -e "$marks/held"
  driver=$redlock find_guard
  kill -KILL "$guard"
  finish "$redlock"
  [ "$status" -eq 71 ]
  rests_with 137
}

@test "a lock that is lost does not rest" {
  start_nodes 3
  start_redlock holder run --ttl 9s --at-least 1h "$lock" -- sh -c "echo \$REDLOCK_TOKEN > '$marks/held'; exec sleep 1000"
  wait_until 20 has_lines 1 "$marks/held"
  # As a break that has reached one node only: the others still have the key when the holder hears of it.
  redis_cli 1 SET "redlock.released.$(< "$marks/held"):$lock" broken PX 60000
  redis_cli 1 DEL "$lock" "redlock.info:$lock"
  finish "$redlock"
  [ "$status" -eq 79 ]
  is_free
}

@test "a redlock that is killed leaves the lock to its TTL alone" {
  start_nodes 3
  start_redlock holder run --ttl 5s --at-least 1h "$lock" -- sh -c "touch '$marks/held'; exec sleep 1000"
  wait_until 20 test -e "$marks/held"
  kill -KILL "$redlock"
  finish "$redlock"
  [ "$status" -eq 137 ]
  left=$(left_on 1)
  ((left <= 5000))
  rests_with ''
}

@test "several names rest together, each told of by itself" {
  start_nodes 3
  try_run --at-least 1h "$lock" "$lock too" -- true
  [ "$status" -eq 0 ]
  rests_with 0
  [ "$(nodes_resting "$lock too" 0)" -eq 3 ]
  try_run -n "$lock too" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"lock '$lock too' rests: "* ]]
  try_run -n other "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"lock '$lock' rests: "* ]]
}

@test "each slot rests by itself" {
  start_nodes 3
  local round
  for round in 1 2; do
    try_run -n --slots 2 --at-least 1h "$lock" -- sh -c 'exit "$REDLOCK_SLOT"'
    [[ $status -eq 1 || $status -eq 2 ]]
    [ "$(nodes_resting "$lock#$status" "$status")" -eq 3 ]
  done
  try_run -n --slots 2 "$lock" -- true
  [ "$status" -eq 75 ]
  for slot in 1 2; do [[ $stderr == *"slot $slot rests: ran on $(hostname), ended with $slot at "* ]]; done
  # A rest is not extended.
  [[ $stderr == *"all 2 slots are taken; the first falls free in 59m"* && $stderr != *extended* ]]
  try "$REDLOCK" status --slots 2 "$lock"
  [ "${lines[0]}" = "lock '$lock': 0 of 2 slots are held, 2 at rest" ]
  try "$REDLOCK" break -q --yes "$lock#1"
  try_run -n --slots 2 "$lock" -- sh -c 'exit "$REDLOCK_SLOT"'
  [ "$status" -eq 1 ]
}

@test "status, list and break show a rest, and break ends it" {
  start_nodes 3
  try_run --at-least 1h "$lock" -- sh -c 'exit 5'
  try "$REDLOCK" status "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} =~ ^"lock '$lock' rests: ran on $(hostname), ended with 5 at "$clock", may run again at " ]]
  try "$REDLOCK" status --json "$lock"
  [ "$(json 'it[0]["state"]')" = resting ]
  [ "$(json 'it[0]["rest"]["exit_status"]')" -eq 5 ]
  [[ $(json 'it[0]["rest"]["ended_at"]') =~ ^[0-9]{4}-.*Z$ ]]
  [ "$(json 'it[0]["holder"]["host"]')" = "$(hostname)" ]
  (($(json 'it[0]["remaining_ms"]') > 3500000))
  try "$REDLOCK" list
  [[ $output =~ "$lock"\ +resting\  ]]
  try "$REDLOCK" list --json
  [ "$(json 'it[0]["state"]')" = resting ]

  try "$REDLOCK" break --yes "$lock"
  [ "$status" -eq 0 ]
  [[ $stderr == *"lock '$lock' is broken: nobody runs under it"* ]]
  try_run -n "$lock" -- true
  [ "$status" -eq 0 ]
  try "$REDLOCK" status --json "$lock"
  [ "$(json 'it[0]["rest"]')" = None ]
}

@test "status --watch tells when a lock comes to rest" {
  start_nodes 3
  start_redlock holder run --at-least 1h "$lock" -- sh -c "touch '$marks/held'; until test -e '$marks/end'; do sleep 0.05; done"
  wait_until 20 test -e "$marks/held"
  start_redlock watch status --watch "$lock"
  wait_until 20 has_text 'is held by' "$marks/watch.out"
  touch "$marks/end"
  wait_until 20 has_text 'rests: ran on' "$marks/watch.out"
}

@test "an extension by hand does not touch a rest, and a release with its token ends it" {
  start_nodes 3
  try_run --at-least 20s "$lock" -- sh -c 'echo "$REDLOCK_TOKEN"'
  token=$output
  try "$REDLOCK" extend --ttl 1h "$lock" "$token"
  [ "$status" -eq 1 ]
  for node in 1 2 3; do (($(left_on "$node") <= 20000)); done
  rests_with 0
  try "$REDLOCK" extend "$lock" another-token
  [ "$status" -eq 1 ]
  [[ $stderr == *"was not extended: it rests: ran on $(hostname), ended with 0" ]]
  try "$REDLOCK" release "$lock" "$token"
  [ "$status" -eq 0 ]
  is_free
}

@test "an extension by hand that is under way in the command neither outlives it nor restores the lock" {
  start_nodes 3
  try_run --at-least 20s "$lock" -- sh -c 'for i in 1 2 3 4 5 6; do "$REDLOCK" extend --ttl 1h "$REDLOCK_NAME" & done > /dev/null 2>&1'
  [ "$status" -eq 0 ]
  rests_with 0
  nobody_extends() { ! pgrep -f "$REDLOCK extend" > /dev/null; }
  wait_until 20 nobody_extends
  for node in 1 2 3; do (($(left_on "$node") <= 20000)); done
}

@test "--at-least comes from the configuration and the environment, too; of several names the longest counts" {
  start_nodes 3
  cat > "$marks/config.toml" <<TOML
[lock."$lock"]
at_least = "1h"
release_on_failure = true
[lock."$lock too"]
at_least = "2h"
TOML
  try_run -c "$marks/config.toml" "$lock" -- false
  is_free
  try_run -c "$marks/config.toml" "$lock" -- true
  rests_with 0
  try "$REDLOCK" break -q --yes "$lock"
  try_run -c "$marks/config.toml" "$lock" "$lock too" -- false
  rests_with 1
  (($(left_on 1) > 7000000))
  REDLOCK_AT_LEAST=1h REDLOCK_RELEASE_ON_FAILURE=false try_run "$lock 3" -- false
  [ "$(nodes_resting "$lock 3" 1)" -eq 3 ]
}

@test "the events end with a rest instead of a release" {
  start_nodes 3
  try_run --at-least 1h --events "$marks/events" "$lock" -- sh -c 'exit 2'
  output=$(tail -n 1 "$marks/events")
  [ "$(json 'it["event"]')" = resting ]
  [ "$(json 'it["was"]')" = ours ]
  [ "$(json 'it["exit_status"]')" -eq 2 ]
  (($(json 'it["rest_ms"]') > 3500000 && $(json 'it["rest_ms"]') <= 3600000))
  ! has_text '"released"' "$marks/events"
}

@test "a command that releases its lock itself leaves no rest, and that is no accident" {
  start_nodes 3
  try_run --at-least 1h --events "$marks/events" "$lock" -- "$REDLOCK" release "$lock"
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  is_free
  output=$(tail -n 1 "$marks/events")
  [ "$(json 'it["event"]')" = released ]
  # The same with keys that are lost is one.
  try_run --at-least 1h --events "$marks/events" "$lock" -- bash -c 'for node in $REDLOCK_NODES; do redis-cli -u "$node" DEL "$0"; done' "$lock"
  [ "$status" -eq 0 ]
  [[ $stderr == *"lock '$lock' may be granted to others before its rest of "*": too few nodes still had it: 2 of 3 nodes needed"* ]]
  output=$(tail -n 1 "$marks/events")
  [ "$(json 'it["event"]')" = resting ]
}

@test "a rest survives the restart of a node while those that are left are a quorum, and longer for whom a long quarantine is set" {
  start_nodes 3
  try_run --at-least 1h "$lock" -- true
  restart_node 1
  try_run -n "$lock" -- true
  [ "$status" -eq 75 ]
  restart_node 2
  try_run -n --restart-quarantine 1h "$lock" -- true
  [ "$status" -eq 69 ]
  # Any quarantine is raised to the rest that the third node shows, however long the others have been up.
  wait_until 20 is_up 2 6
  ask_third_first -q -n --restart-quarantine 4s --ttl 4s
  [ "$status" -eq 69 ]
  try_run -n "$lock" -- true # without a quarantine
  [ "$status" -eq 0 ]
  # Where no node shows the rest any more, the quarantine that is set is all there is.
  restart_node 3
  try_run -n --restart-quarantine 1h "$lock" -- true
  [ "$status" -eq 69 ]
}

@test "what restarts of nodes have left of a rest is told as that, and break ends it" {
  start_nodes 3
  try_run --at-least 1h "$lock" -- true
  restart_node 1
  restart_node 2
  # In the quarantine that is configured, and in that which the rest makes of a shorter one.
  local quarantine
  for quarantine in 30m 4s; do
    [ "$quarantine" = 30m ] || wait_until 20 is_up 2 6
    export REDLOCK_RESTART_QUARANTINE=$quarantine REDLOCK_TTL=4s
    ask_third_first -n
    [ "$status" -eq 69 ]
    [[ $stderr == *"$(url_of 3)/0: lock '$lock' rests: ran on $(hostname), ended with 0 at "*"'redlock break' ends it"* ]]
    try "$REDLOCK" status "$lock"
    [ "$status" -eq 69 ]
    [[ ${lines[0]} == "no quorum for lock '$lock': as far as 1 of 3 nodes show, it rests: ran on $(hostname), ended with 0 at "*"; the others restarted"* ]]
    [ "$(grep -c 'restarted lately and may have forgotten' <<< "$output")" -ge 2 ]
    [ "$stderr" = "redlock: ${lines[0]}" ]
    try "$REDLOCK" status --json "$lock"
    [ "$(json 'it[0]["state"], it[0]["rest"]["exit_status"]')" = "('unknown', 0)" ]
  done
  export REDLOCK_RESTART_QUARANTINE=30m
  try "$REDLOCK" break --yes "$lock"
  [ "$status" -eq 0 ]
  [[ $stderr == *"lock '$lock' is broken: nobody runs under it, and the next one need not wait" ]]
  is_free
}

@test "a rest that no quorum confirms is warned of" {
  start_nodes 3
  start_redlock holder run --at-least 1h "$lock" -- sh -c "touch '$marks/held'; until test -e '$marks/end'; do sleep 0.05; done"
  wait_until 20 test -e "$marks/held"
  freeze_node 1 2
  touch "$marks/end"
  finish "$redlock"
  thaw_node 1 2
  [ "$status" -eq 0 ]
  [[ $(< "$marks/holder.err") == *"may be granted to others before its rest of"*"no quorum has confirmed it: 2 of 3 nodes needed"* ]]
}

@test "what makes no sense is a usage error" {
  start_nodes 1
  try_run --release-on-failure "$lock" -- true
  [ "$status" -eq 64 ]
  [[ $stderr == *"--release-on-failure needs --at-least"* ]]
  try_run --at-least 31d "$lock" -- true
  [ "$status" -eq 64 ]
  [[ $stderr == *"--at-least: 31d is too long; use 30d or less"* ]]
}

# The command of README's cron line with $1 in it, without the time and the user.
cron_line() { sed -n "/^[0-9*].* root  redlock run .*$1/ { s/^.* root  redlock //; p; q }" "$BATS_TEST_DIRNAME/../../README.md"; }

@test "README's lines for cron: hosts whose clocks differ run it once, and a failure is tried again until it succeeds" {
  start_nodes 3
  mkdir "$marks/bin"
  printf '#!/bin/sh\necho >> "%s/backups"\n' "$marks" > "$marks/bin/backup"
  printf '#!/bin/sh\necho >> "%s/reports"\n[ -e "%s/mended" ]\n' "$marks" "$marks" > "$marks/bin/report"
  chmod +x "$marks/bin/"*
  PATH=$marks/bin:$PATH
  read -ra backup <<< "$(cron_line "at-least.*nightly-backup")"
  read -ra report <<< "$(cron_line "at-least.*hourly-report")"
  [[ ${backup[*]} == *--at-least* && ${report[*]} == *--release-on-failure* ]]
  for host in one two three; do
    try "$REDLOCK" "${backup[@]}"
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
  done
  has_lines 1 "$marks/backups" && ! has_lines 2 "$marks/backups"
  for attempt in 1 2; do
    try "$REDLOCK" "${report[@]}"
    [ "$status" -eq 1 ]
  done
  touch "$marks/mended"
  for attempt in 3 4; do
    try "$REDLOCK" "${report[@]}"
    [ "$status" -eq 0 ]
  done
  has_lines 3 "$marks/reports" && ! has_lines 4 "$marks/reports"
}
