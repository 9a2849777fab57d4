#!/usr/bin/env bats
# redlock break: takes a lock away from whoever holds it, and from nobody else.

load lib/redlock.bash

setup_file() {
  isolate
  start_nodes 5
}
setup() { redlock_setup; }
teardown() {
  redlock_teardown
  if [[ $nodes_dir == "$BATS_TEST_TMPDIR"/* ]]; then stop_nodes; fi
}
teardown_file() { stop_nodes; }

try_break() { try "$REDLOCK" break "$@" < /dev/null; }
json() { /usr/bin/python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<< "$output"; }
foreign() {
  local node
  for node in "${@:2}"; do [ "$(redis_cli "$node" SET "$lock" "$1" NX PX 60000)" = OK ]; done
}

@test "a lock is broken: its holder is shown, its command stopped at the next extension, and others may have it" {
  start_holder "$lock" --ttl 3s
  local token=$(redis_cli 1 GET "$lock")
  try_break --yes "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == "lock '$lock' is held by "*"(pid $holder, sh)"* ]]
  [[ $output == *"${token:0:8}..."* && $output$stderr != *"${token:0:9}"* ]]
  [ "$stderr" = "redlock: lock '$lock' is broken: its holder's command is stopped at its next extension" ]
  try_run -n "$lock" -- true
  [ "$status" -eq 0 ]
  finish "$holder"
  [ "$status" -eq 79 ]
  [[ $(< "$marks/holder.err") == *"was lost"* ]]
  nothing_left_of "$lock"
}

@test "where one node hangs the holder does not restore its lock, but hears that it is broken" {
  start_nodes 5
  start_holder "$lock" --ttl 6s --node-timeout 300ms
  freeze_node 5
  try_break --yes --node-timeout 300ms "$lock"
  [ "$status" -eq 0 ]
  finish "$holder"
  [ "$status" -eq 79 ]
  # Without the note it would have been "no quorum of nodes could be reached".
  [[ $(< "$marks/holder.err") == *"lock '$lock' was lost: somebody has broken it"* ]]
  nothing_left_of "$lock" 1 2 3 4
  thaw_node 5
}

@test "who holds a lock by --while-pid hears that it is broken, and of a release by hand nothing" {
  sleep 1000 3>&- &
  local sleeper=$!
  "$REDLOCK" acquire --ttl 2s --while-pid "$sleeper" "$lock" > "$marks/token"
  try_break --yes "$lock"
  [ "$status" -eq 0 ]
  finish "$sleeper"
  [ "$status" -eq 143 ]
}

@test "a lock that nobody holds is not broken" {
  try_break --yes "$lock"
  [ "$status" -eq 1 ]
  [ "$stderr" = "redlock: lock '$lock' is free: nothing is broken" ]
  [ -z "$output" ]
  [ -z "$(on_all_nodes KEYS "*$lock" | tr -d '\n')" ]
}

@test "a Redlock library's lock can be broken too, and cannot be told" {
  foreign deadbeefdeadbeef 1 2 3 5
  try_break --yes "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == *"is held by another program"* ]]
  [[ $stderr == *"its holder is another program, and goes on"* ]]
  nothing_left_of "$lock"
}

@test "of two tokens only the holder's is taken away" {
  foreign deadbeefdeadbeef 1 2 3
  foreign cafecafecafecafe 4
  try_break --yes "$lock"
  [ "$status" -eq 0 ]
  [ "$(nodes_with "$lock" cafecafecafecafe)" -eq 1 ]
  [ "$(nodes_with "$lock" deadbeefdeadbeef)" -eq 0 ]
  redis_cli 4 DEL "$lock"
}

@test "what contenders that died left behind can be cleared away" {
  on_all_nodes SET "$lock" x > /dev/null
  redis_cli 1 SET "$lock" y
  redis_cli 2 SET "$lock" y
  redis_cli 3 DEL "$lock"
  try_break --yes "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == "lock '$lock' is split"* ]]
  nothing_left_of "$lock"
}

@test "where there is no terminal to ask at, --yes is asked for, and nothing happens" {
  foreign deadbeefdeadbeef 1 2 3
  try_break "$lock"
  [ "$status" -eq 64 ]
  [[ $stderr == "redlock: "*"give --yes"* ]]
  [ "$(nodes_with "$lock" deadbeefdeadbeef)" -eq 3 ]
  try_break
  [ "$status" -eq 64 ]
  try_break --yes "$lock" "$lock"
  [ "$status" -eq 64 ]
  [ "$(nodes_with "$lock" deadbeefdeadbeef)" -eq 3 ]
}

# At a terminal: what is typed at the question, and what is seen then.
answer() {
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" "type \"\$REDLOCK\" break '$lock'; echo en''ded \$?\r" \
    "see is held by another program" "see Break lock '$lock'? [y/N] " "$1" "see $2"
}

@test "at a terminal it asks, and takes nothing but yes for that" {
  foreign deadbeefdeadbeef 1 2 3
  answer 'type n\r' 'is left as it is'
  answer 'type \r' 'is left as it is'
  answer 'type yeah\r' 'is left as it is'
  answer 'type \x04' 'ended 1'
  answer 'type \x03' 'PROMPT> '
  [ "$(nodes_with "$lock" deadbeefdeadbeef)" -eq 3 ]
  answer 'type y\r' 'ended 0'
  nothing_left_of "$lock"
}

@test "who got the lock while the question stood keeps it" {
  foreign deadbeefdeadbeef 1 2 3
  cat > "$BATS_TEST_TMPDIR/swap" <<'SCRIPT'
for node in $REDLOCK_NODES; do redis-cli -u "$node" SET "$1" cafecafecafecafe PX 60000; done
SCRIPT
  # The terminal's shell suspends nothing: another process swaps the holder while the question stands.
  (
    wait_until 20 test -e "$marks/asked"
    bash "$BATS_TEST_TMPDIR/swap" "$lock" > /dev/null
    touch "$marks/swapped"
  ) 3>&- &
  local swapper=$!
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" "type \"\$REDLOCK\" break '$lock'; echo en''ded \$?\r" \
    "see [y/N] " "run touch '$marks/asked'; until [ -e '$marks/swapped' ]; do sleep 0.01; done" 'type y\r' \
    'see has a new holder: nothing is broken' 'see ended 1'
  wait "$swapper"
  [ "$(nodes_with "$lock" cafecafecafecafe)" -eq 5 ]
  on_all_nodes DEL "$lock"
}

@test "--json: the lock as it was, and whether it is broken" {
  foreign deadbeefdeadbeef 1 2 3
  try_break --json --yes "$lock"
  [ "$status" -eq 0 ]
  [ "$(json 'it["name"], it["state"], it["broken"], len(it["nodes"])')" = "('$lock', 'foreign', True, 5)" ]
  try_break --json --yes "$lock"
  [ "$status" -eq 1 ]
  [ "$(json 'it["state"], it["broken"]')" = "('free', False)" ]
}

@test "without a quorum nothing is broken" {
  start_nodes 5
  foreign deadbeefdeadbeef 1 2 3 4 5
  kill_node 1 2 3
  try_break --yes "$lock"
  [ "$status" -eq 69 ]
  [[ $stderr == *"no quorum"*"nothing is broken"* ]]
  [ "$(redis_cli 4 GET "$lock")" = deadbeefdeadbeef ]
}

@test "a minority that is down or hangs does not matter" {
  start_nodes 5
  foreign deadbeefdeadbeef 1 2 3 4 5
  kill_node 1
  freeze_node 2
  try_break --yes --node-timeout 300ms "$lock"
  [ "$status" -eq 0 ]
  nothing_left_of "$lock" 3 4 5
  # What was on its way to the node that hung does its work when it wakes up.
  thaw_node 2
  wait_until 10 nothing_left_of "$lock" 2
}

@test "names of any kind" {
  for lock in 'two words' $'a\nb' '-n' '*' "it's"; do
    foreign deadbeefdeadbeef 1 2 3
    try_break --yes -- "$lock"
    [ "$status" -eq 0 ]
    nothing_left_of "$lock"
  done
}
