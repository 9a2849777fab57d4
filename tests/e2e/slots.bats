#!/usr/bin/env bats
# A lock with slots (redlock(1), SLOTS): each slot is a lock of its own, and no more than all of them run.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
}
setup() {
  redlock_setup
  lock="slots $BATS_TEST_NUMBER"
}
teardown() {
  redlock_teardown
  [[ -z ${proxy:-} ]] || kill "$proxy" 2> /dev/null || :
  stop_nodes
}

# hold_slot HANDLE [OPTION...]: holds a slot of $lock until end_slot PID. Sets $redlock.
hold_slot() {
  local handle=$1
  shift
  start_redlock "$handle" run "$@" "$lock" -- sh -c "echo \"\$REDLOCK_SLOT\" > '$marks/$handle.slot'; exec sleep 1000"
  wait_until 20 has_lines 1 "$marks/$handle.slot"
}
end_slot() {
  kill -TERM "$1"
  finish "$1"
  [ "$status" -eq 143 ]
}

@test "a lock whose name ends in # does not keep anybody from the slots" {
  start_nodes 3
  start_holder other
  start_redlock several run "$lock#" other -- true
  several=$redlock
  wait_until 20 eval '[[ $(on_all_nodes EXISTS "redlock.bar:$lock#" | sort -u) == 1 ]]'
  try "$REDLOCK" run --slots 1 -w 10s "$lock" -- echo free
  [ "$status" -eq 0 ]
  end_holder
  finish "$several"
  [ "$status" -eq 0 ]
}

@test "a command gets a slot, which is a lock of its own, and its number" {
  start_nodes 5
  try_run --slots 4 "$lock" -- sh -c 'printf "%s|" "$REDLOCK_NAME" "$REDLOCK_SLOT" "$REDLOCK_FENCE"; "$REDLOCK" extend "$REDLOCK_NAME" && echo extended'
  [ "$status" -eq 0 ]
  [[ $output =~ ^"$lock#"([1-4])"|"([1-4])"|"[0-9]+"|extended"$ ]]
  [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
  [ "$(nodes_with "redlock.fence:$lock#${BASH_REMATCH[1]}" "$(cut -d'|' -f3 <<< "$output")")" -ge 3 ]
  only_fences_left
}

@test "so many run as there are slots, and the next is told who has each of them" {
  start_nodes 5
  hold_slot a --slots 2 --note "ticket 1"
  local a=$redlock
  hold_slot b --slots 2
  local b=$redlock
  [ "$(cat "$marks"/{a,b}.slot | sort | tr -d '\n')" = 12 ]
  try_run -n --slots 2 "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"lock '$lock': all 2 slots are taken; the first falls free in "* ]]
  [[ $stderr == *"slot $(< "$marks/a.slot") is held by "*"ticket 1"* ]]
  [[ $stderr == *"slot $(< "$marks/b.slot") is held by "* ]]
  end_slot "$a"
  try_run -n --slots 2 "$lock" -- sh -c 'echo $REDLOCK_SLOT'
  [ "$status" -eq 0 ]
  [ "$output" = "$(< "$marks/a.slot")" ]
  end_slot "$b"
}

@test "status shows who has which slot, and list and break know the slots as locks" {
  start_nodes 3
  hold_slot a --slots 3 --ttl 9s
  local k
  k=$(< "$marks/a.slot")
  try "$REDLOCK" status --slots 3 "$lock"
  [ "$status" -eq 1 ]
  [[ $output == *"lock '$lock': 1 of 3 slots is held"* ]]
  grep -Eq "^ +$k +held .* sleep|^ +$k +held .* sh" <<< "$output"
  [ "$(grep -Ec '^ +[1-3] +free' <<< "$output")" -eq 2 ]
  try "$REDLOCK" status --json --slots 3 "$lock"
  [[ $output == *"\"name\":\"$lock#$k\",\"state\":\"held\""* ]]
  [[ $output == *'"slot":1'*'"slot":2'*'"slot":3'* ]]
  try "$REDLOCK" list
  [[ $output == *"$lock#$k"* ]]
  try "$REDLOCK" break --yes "$lock#$k"
  [ "$status" -eq 0 ]
  finish "$redlock"
  [ "$status" -eq 79 ]
  grep -q "lock '$lock#$k' was lost: somebody has broken" "$marks/a.err"
}

@test "status is 0 when all slots are held" {
  start_nodes 3
  hold_slot a --slots 1
  try "$REDLOCK" status --slots 1 "$lock"
  [ "$status" -eq 0 ]
  [[ $output == *"1 of 1 slots is held"* ]]
}

@test "a script acquires, extends and releases a slot by its token" {
  start_nodes 5
  token=$("$REDLOCK" acquire --slots 3 --ttl 60s "$lock")
  [ "$(on_all_nodes KEYS "$lock#[123]" | grep -c .)" -ge 3 ]
  try "$REDLOCK" extend --slots 3 --ttl 90s "$lock" "$token"
  [ "$status" -eq 0 ]
  try "$REDLOCK" extend --slots 3 "$lock" "no token"
  [ "$status" -eq 1 ]
  [[ $stderr == *"a slot of lock '$lock' was not extended: nobody holds it"* ]]
  try "$REDLOCK" release --slots 3 "$lock" "$token"
  [ "$status" -eq 0 ]
  [ -z "$(on_all_nodes KEYS "$lock#[123]" | tr -d '\n')" ]
  eval "$("$REDLOCK" acquire --slots 3 --format shell "$lock")"
  [ "$REDLOCK_NAME" = "$lock#$REDLOCK_SLOT" ]
  # Also where the setting is said of all locks.
  REDLOCK_SLOTS=3 "$REDLOCK" release "$REDLOCK_NAME"
  [ -z "$(on_all_nodes KEYS "$lock#[123]" | tr -d '\n')" ]
  try "$REDLOCK" acquire --slots 3 --json "$lock"
  [[ $output =~ \"name\":\"$lock#([1-3])\".*\"slot\":([1-3]) ]]
  [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
}

@test "acquire --while-pid holds a slot for as long as the process lives" {
  start_nodes 3
  mkfifo "$marks/never"
  sh -c 'eval "$("$REDLOCK" acquire --slots 2 --while-pid $$ --format shell "$1")"; echo "$REDLOCK_SLOT"; read _ < "$2"' \
    - "$lock" "$marks/never" > "$marks/slot" 3>&- &
  started+=($!)
  wait_until 20 has_lines 1 "$marks/slot"
  [ "$(nodes_holding "$lock#$(< "$marks/slot")")" -ge 2 ]
  kill -KILL "${started[-1]}"
  wait_until 20 nothing_left_of "$lock#$(< "$marks/slot")"
}

@test "break takes one slot, or all by a pattern" {
  start_nodes 3
  hold_slot a --slots 3 --ttl 9s
  local a=$redlock
  hold_slot b --slots 3 --ttl 9s
  try "$REDLOCK" break --yes "$lock#*"
  [ "$status" -eq 0 ]
  finish "$a"
  [ "$status" -eq 79 ]
  finish "$redlock"
  [ "$status" -eq 79 ]
}

@test "slots of the configuration hold for the lock, its settings for its slots" {
  start_nodes 3
  printf '[lock."%s"]\nslots = 2\nttl = "77s"\n' "$lock" > "$marks/config.toml"
  export REDLOCK_CONFIG=$marks/config.toml
  try_run "$lock" -- sh -c '"$REDLOCK" extend "$REDLOCK_NAME"; "$REDLOCK" status --json "$REDLOCK_NAME"'
  [ "$status" -eq 0 ]
  [[ $output =~ \"remaining_ms\":7[0-9]{4} ]]
  try "$REDLOCK" status "$lock"
  [[ $output == *"0 of 2 slots are held"* ]]
}

@test "several names with slots, a slot of a slot, and numbers out of range are errors" {
  start_nodes 1
  try_run --slots 2 a b -- true
  [ "$status" -eq 64 ]
  [[ $stderr == *"'a' has slots"* ]]
  try_run --slots 2 'a#1' -- true
  [ "$status" -eq 64 ]
  try_run --slots 0 a -- true
  [ "$status" -eq 64 ]
  try_run --slots 101 a -- true
  [ "$status" -eq 64 ]
  [[ $stderr == *"use 1 to 100"* ]]
  try_run --slots 100 a -- true
  [ "$status" -eq 0 ]
}

@test "a slot is told of in events" {
  start_nodes 3
  try_run --slots 2 --events "$marks/events" "$lock" -- true
  grep -Eq "\"event\":\"acquired\",\"name\":\"$lock#([12])\".*\"slot\":\1" "$marks/events"
  grep -Eq "\"event\":\"released\",\"name\":\"$lock#[12]\"" "$marks/events"
}

@test "clients that wait take the slots that fall free" {
  start_nodes 5
  hold_slot a --slots 2
  local a=$redlock
  hold_slot b --slots 2
  local b=$redlock i
  for i in 1 2 3 4; do start_redlock "w$i" run --slots 2 "$lock" -- sh -c "echo $i >> '$marks/order'"; done
  wait_until 20 eval '[[ $(on_all_nodes ZCARD "redlock.slots.queue:$lock#" | sort -u) == 4 ]]'
  wait_until 20 has_text "all 2 slots are taken.*: waiting" "$marks/w1.err"
  try "$REDLOCK" status --slots 2 "$lock"
  [[ $output == *"2 of 2 slots are held, 4 waiting"* ]]
  end_slot "$a"
  wait_until 20 has_lines 4 "$marks/order"
  end_slot "$b"
  wait_until 20 only_fences_left
}

@test "a client that is ended while it waits for a slot leaves nothing behind" {
  start_nodes 5
  hold_slot a --slots 1
  local a=$redlock
  start_redlock waiter run --slots 1 "$lock" -- true
  wait_until 20 eval '[[ $(redis_cli 1 ZCARD "redlock.slots.queue:$lock#") == 1 ]]'
  kill -TERM "$redlock"
  finish "$redlock"
  [ "$status" -eq 143 ]
  [ "$(on_all_nodes EXISTS "redlock.slots.queue:$lock#" | sort -u)" = 0 ]
  end_slot "$a"
  only_fences_left
}

@test "a node that comes back empty gets the slot again, and no other" {
  start_nodes 3
  hold_slot a --slots 2 --ttl 9s --restart-quarantine 0s
  local k token
  k=$(< "$marks/a.slot")
  token=$(redis_cli 1 GET "$lock#$k")
  restart_node 2
  wait_until 20 eval '[[ $(redis_cli 2 GET "$lock#$k") == "$token" ]]'
  [ "$(redis_cli 2 EXISTS "$lock#$((3 - k))" "$lock")" -eq 0 ]
  end_slot "$redlock"
  only_fences_left
}

@test "with two of five nodes down the slots are to be had, with three nothing is" {
  start_nodes 5
  kill_node 4
  kill_node 5
  hold_slot a --slots 2
  local a=$redlock
  hold_slot b --slots 2
  try_run -n --slots 2 "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"all 2 slots are taken"* ]]
  kill_node 3
  try_run -n --slots 3 "$lock" -- true
  [ "$status" -eq 69 ]
}

@test "a slot that is taken by another library is not to be had, and the others are" {
  start_nodes 3
  on_all_nodes SET "$lock#1" foreign NX PX 60000
  try_run -n --slots 2 "$lock" -- sh -c 'echo $REDLOCK_SLOT'
  [ "$status" -eq 0 ]
  [ "$output" = 2 ]
  on_all_nodes SET "$lock#2" foreign NX PX 60000
  try_run -n --slots 2 "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"slot 1 is held by another program"* ]]
}

@test "slots of which some are divided are told of one by one" {
  start_nodes 3
  redis_cli 1 SET "$lock#1" one NX PX 60000
  redis_cli 2 SET "$lock#1" two NX PX 60000
  on_all_nodes SET "$lock#2" foreign NX PX 60000
  # A node that is slower than the others is not waited for, and not told of.
  all_answered() { try_run -n --slots 2 "$lock" -- true; [[ $stderr == *"$(url_of 1)"* && $stderr == *"$(url_of 2)"* && $stderr == *"$(url_of 3)"* ]]; }
  wait_until 20 all_answered
  [ "$status" -eq 75 ]
  [[ $stderr == *"no slot of lock '$lock' is free: some are divided among contenders"* ]]
  [[ $stderr == *"$(url_of 1)/0: slot 1 is held by another program"*"$(url_of 2)/0: slot 1 is held by"* ]]
  [[ $stderr == *"$(url_of 1)/0, $(url_of 2)/0, $(url_of 3)/0: slot 2 is held by"* ]]
}

@test "status and break of a lock tell of its slots where they are not told that it has any" {
  start_nodes 3
  try "$REDLOCK" status "$lock"
  [ -z "$stderr" ]
  hold_slot a --slots 2
  hold_slot b --slots 2
  try "$REDLOCK" status "$lock"
  [ "$status" -eq 1 ]
  [ "$stderr" = "redlock: slots of lock '$lock' are taken: '$lock#1', '$lock#2'. 'redlock status --slots N' shows them" ]
  try "$REDLOCK" break --yes "$lock"
  [ "$status" -eq 1 ]
  [ "$stderr" = "redlock: lock '$lock' is free: nothing is broken. Slots of it are taken, and broken by their own names: '$lock#1', '$lock#2'" ]
}

@test "a run inside a slot takes another one, and none with --reentrant" {
  start_nodes 3
  try_run --slots 2 "$lock" -- sh -c 'echo $REDLOCK_SLOT; "$REDLOCK" run --slots 2 "$1" -- sh -c "echo \$REDLOCK_SLOT"' - "$lock"
  [ "$status" -eq 0 ]
  [ "$(sort <<< "$output" | tr -d '\n')" = 12 ]
  try_run --slots 2 "$lock" -- sh -c '"$REDLOCK" run other -- "$REDLOCK" run --reentrant --slots 2 "$1" -- sh -c "echo \$REDLOCK_NAME \$REDLOCK_SLOT"; echo "$REDLOCK_NAME $REDLOCK_SLOT"' - "$lock"
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "${lines[1]}" ]
  try_run --slots 1 "$lock" -- "$REDLOCK" run --slots 1 "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"'$lock'"* ]]
}

@test "thirty that begin at the same instant: as many run as there are slots" {
  address=127.0.0.1 start_nodes 5
  far_nodes 5-15
  local round
  for ((round = 1; round <= ${REDLOCK_REPEAT:-2}; ++round)); do
    run "$BATS_TEST_DIRNAME/../helpers/stampede.py" 30 "$lock $round" --slots 5
    echo "round $round: $output"
    [ "$output" = "5 75" ]
  done
}
