#!/usr/bin/env bats
# A lock of several names (redlock(1), SEVERAL NAMES): all or none on each node, one token, one fence.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
}
setup() {
  redlock_setup
  a="a $BATS_TEST_NUMBER" b="b $BATS_TEST_NUMBER" c="c $BATS_TEST_NUMBER"
}
teardown() {
  redlock_teardown
  stop_nodes
}

# start_set HANDLE NAME...: holds all of them until end_set HANDLE. Sets $holder.
start_set() {
  local handle=$1
  shift
  start_redlock "$handle" run "$@" -- sh -c "touch '$marks/$handle.held'; exec sleep 1000"
  holder=$redlock
  wait_until 20 test -e "$marks/$handle.held"
}
end_set() {
  kill -TERM "$holder"
  finish "$holder"
  [ "$status" -eq 143 ]
}

@test "a command gets all names, one token and one fence" {
  start_nodes 5
  on_all_nodes SET "redlock.fence:$b" 7000000000000000
  try_run "$b" "$a" "$c" -- sh -c 'printf "%s|" "$REDLOCK_NAME" "$REDLOCK_FENCE"; echo "$REDLOCK_TOKEN"'
  [ "$status" -eq 0 ]
  [[ $output =~ ^"$b"$'\n'"$a"$'\n'"$c|7000000000000001|"[0-9a-f]{40}$ ]]
  local name
  for name in "$a" "$b" "$c"; do [ "$(nodes_with "redlock.fence:$name" 7000000000000001)" -eq 5 ]; done
  only_fences_left
}

@test "a script extends all that it holds by the names in its environment, as the manual says" {
  start_nodes 3
  try_run "$a" "$b" -- bash -c 'mapfile -t names <<< "$REDLOCK_NAME"; "$REDLOCK" extend "${names[@]}" --ttl 120s'
  [ "$status" -eq 0 ]
  grep -q 'mapfile -t names <<< ..dq$REDLOCK_NAME' "$BATS_TEST_DIRNAME/../../man/redlock.1"
}

@test "while one of the names is held, nobody gets any of them, and the refusal names the holder" {
  start_nodes 5
  start_set holder "$b" --note why
  try_run -n "$a" "$b" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"lock '$b' is held by "*"why"* ]]
  [ "$(nodes_holding "$a")" -eq 0 ]
  try_run -n "$a" -- true
  [ "$status" -eq 0 ]
  end_set
  try_run -n "$a" "$b" -- true
  [ "$status" -eq 0 ]
}

@test "a bar that never ends keeps nobody out" {
  start_nodes 3
  on_all_nodes SET "redlock.bar:$a" somebody > /dev/null
  try_run -w 20 "$a" -- true
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
}

@test "status of one name tells of the others that its holder has with it" {
  start_nodes 3
  start_set holder "$a" "$b"
  try "$REDLOCK" status "$a"
  [ "$status" -eq 0 ]
  [[ $output == *"with '$b'"* ]]
  try "$REDLOCK" status --json "$b"
  [[ $output == *"\"with\":[\"$a\"]"* ]]
  try "$REDLOCK" list
  [[ $output == *"$a"*"$b"* ]]
  end_set
  start_set alone "$c"
  try "$REDLOCK" status --json "$c"
  [[ $output == *'"with":[]'* ]]
}

@test "what waits for several names keeps a free one from those that wait, and each of them is told so" {
  start_nodes 3
  start_set holder "$b"
  start_redlock first run -q "$a" "$b" -- true
  local first=$redlock
  kept() { try "$REDLOCK" status --json "$a"; [[ $output == *'"kept":true'* ]]; }
  wait_until 20 kept
  [ "$status" -eq 1 ]
  [[ $output == *'"state":"free","holder":null'*'"waiting":1'* ]]
  told() {
    try "$REDLOCK" status "$a"
    [[ ${lines[0]} =~ ^"lock '$a' is free, but kept for the next in line since "[0-9.]+" "?m?"s, which waits for several locks or was passed over"$ ]]
  }
  wait_until 20 told
  [ "$status" -eq 1 ]
  try_run -w 1500ms --events "$marks/events" "$a" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"lock '$a' is free, but kept for the next in line since"*": waiting"* && $stderr != *held* ]]
  [ "$(grep -c '"reason":"kept"' "$marks/events")" -eq 2 ]
  run ! grep -q '"reason":"held"\|"holder"' "$marks/events"
  # One that does not wait takes it.
  try_run -n "$a" -- true
  [ "$status" -eq 0 ]
  end_set
  finish "$first"
  [ "$status" -eq 0 ]
}

@test "a script acquires, extends and releases several names with one token" {
  start_nodes 5
  token=$("$REDLOCK" acquire "$a" "$b" --ttl 60s)
  [ "$(nodes_with "$a" "$token")" -eq 5 ]
  [ "$(nodes_with "$b" "$token")" -eq 5 ]
  try "$REDLOCK" extend "$b" "$a" --token "$token" --ttl 90s
  [ "$status" -eq 0 ]
  (($(redis_cli 1 PTTL "$a") > 80000 && $(redis_cli 1 PTTL "$b") > 80000))
  # Of two words the second is the token, unless the environment tells of it as a name.
  try "$REDLOCK" release "$a" "$b"
  [ "$status" -eq 1 ]
  [[ $stderr == *"lock '$a' was not released"* ]]
  REDLOCK_NAME="$a"$'\n'"$b" REDLOCK_TOKEN=$token try "$REDLOCK" extend "$a" "$b" --ttl 120s
  [ "$status" -eq 0 ]
  (($(redis_cli 1 PTTL "$b") > 110000))
  try "$REDLOCK" release "$a" "$b" --token - <<< "$token"
  [ "$status" -eq 0 ]
  [ "$(nodes_holding "$a")" -eq 0 ]
  [ "$(nodes_holding "$b")" -eq 0 ]
  REDLOCK_TOKEN=$token try "$REDLOCK" release "$a" "$b" "$c"
  [ "$status" -eq 1 ]
  [[ $stderr == *"locks '$a', '$b', '$c' were not released: nobody holds them: they expired"* ]]
}

@test "an extension by hand of several names is told to fail for one of them" {
  start_nodes 3
  token=$("$REDLOCK" acquire "$a" "$b")
  on_all_nodes DEL "$b"
  try "$REDLOCK" extend "$a" "$b" --token "$token"
  [ "$status" -eq 1 ]
  [[ $stderr == *"locks '$a', '$b' were not extended: nobody holds all of them: one of them expired"* ]]
  on_all_nodes SET "$b" foreign PX 60000
  try "$REDLOCK" extend "$a" "$b" --token "$token"
  [ "$status" -eq 1 ]
  [[ $stderr == *"locks '$a', '$b' were not extended: one of them is held by another program"* ]]
}

@test "a release by hand tells of each name by itself" {
  start_nodes 3
  token=$("$REDLOCK" acquire "$a" "$b" "$c")
  REDLOCK_TOKEN=$token try "$REDLOCK" release "$a" --token "$token"
  [ "$status" -eq 0 ]
  on_all_nodes SET "$b" foreign PX 60000
  try "$REDLOCK" release "$a" "$b" "$c" --token "$token"
  [ "$status" -eq 1 ]
  [ "$(grep -c . <<< "$stderr")" -eq 3 ]
  [[ $stderr == *"lock '$c' was released"* ]]
  [[ $stderr == *"lock '$a' was not released: nobody holds it: it expired"* ]]
  [[ $stderr == *"lock '$b' was not released: it is held by another program"* ]]
  [ "$(nodes_holding "$c")" -eq 0 ]
}

@test "acquire tells a script all names" {
  start_nodes 3
  eval "$("$REDLOCK" acquire --format shell "$a" "it's")"
  [ "$REDLOCK_NAME" = "$a"$'\n'"it's" ]
  "$REDLOCK" release "$a" "it's"
  try "$REDLOCK" acquire --json "$a" "$b" --events "$marks/events"
  [[ $output == *"\"names\":[\"$a\",\"$b\"]"* ]]
  grep -q "\"event\":\"acquired\".*\"names\":\\[\"$a\",\"$b\"\\]" "$marks/events"
}

@test "no names, a name twice, too many, or a newline in one of several: usage errors" {
  start_nodes 1
  try_run "$a" "$b" "$a" -- true
  [ "$status" -eq 64 ]
  [[ $stderr == *"'$a' is given twice"* ]]
  try_run {1..17} -- true
  [ "$status" -eq 64 ]
  [[ $stderr == *"17 names"* ]]
  try_run {1..16} -- true
  [ "$status" -eq 0 ]
  try_run "$a" $'x\ny' -- true
  [ "$status" -eq 64 ]
  try_run $'x\ny' -- true
  [ "$status" -eq 0 ]
  # A setting for all locks forbids several names, and is named.
  REDLOCK_SLOTS=2 try_run "$a" "$b" -- true
  [ "$status" -eq 64 ]
  [[ $stderr == *"'$a' has slots (REDLOCK_SLOTS), and so cannot be one of several names"* ]]
  printf '[defaults]\nslots = 2\n' > "$marks/slots.toml"
  try_run -c "$marks/slots.toml" "$a" "$b" -- true
  [ "$status" -eq 64 ]
  [[ $stderr == *"'$a' has slots ("*"slots.toml:2:"*": slots), and so"* ]]
}

@test "to break one of the names ends the holder of all" {
  start_nodes 3
  start_set holder --ttl 9s "$a" "$b"
  try "$REDLOCK" break --yes "$b"
  [ "$status" -eq 0 ]
  finish "$holder"
  [ "$status" -eq 79 ]
  grep -q "locks '$a', '$b' were lost: somebody has broken one of them" "$marks/holder.err"
  wait_until 10 nothing_left_of "$a"
  wait_until 10 nothing_left_of "$b"
}

@test "a node that comes back empty gets all names again" {
  start_nodes 3
  start_set holder --ttl 9s --restart-quarantine 0s "$a" "$b"
  local token
  token=$(redis_cli 1 GET "$a")
  restart_node 2
  wait_until 20 eval '[[ $(redis_cli 2 GET "$a") == "$token" && $(redis_cli 2 GET "$b") == "$token" ]]'
  [ "$(redis_cli 2 EXISTS "redlock.info:$a" "redlock.info:$b")" -eq 2 ]
  end_set
}

@test "where single votes for different names stand in the way, each is told with its node" {
  start_nodes 3
  redis_cli 1 SET "$a" foreign NX PX 60000
  redis_cli 2 SET "$b" another NX PX 60000
  # A node that is slower than the others is not waited for.
  all_answered() { try_run -n "$a" "$b" -- true; [[ $stderr != *'had not answered yet'* ]]; }
  wait_until 20 all_answered
  [ "$status" -eq 75 ]
  [[ $stderr == *"$(url_of 1)/0: lock '$a' is held by another program"*"$(url_of 2)/0: lock '$b' is held by another program"* ]]
}

@test "a holder does not count as waiting where a single node has refused it" {
  start_nodes 3
  redis_cli 1 SET "$a" foreign NX PX 60000
  start_set holder "$a"
  nobody_waits() { try "$REDLOCK" status --json "$a"; [[ $output == *'"state":"held"'*'"waiting":0'* ]]; }
  wait_until 20 nobody_waits
  end_set
}

@test "another library and a lock of several names exclude each other" {
  start_nodes 3
  on_all_nodes SET "$b" foreign NX PX 60000
  try_run -n "$a" "$b" -- true
  [ "$status" -eq 75 ]
  [ "$(nodes_holding "$a")" -eq 0 ]
  on_all_nodes DEL "$b"
  start_set holder "$a" "$b"
  local name
  for name in "$a" "$b"; do [ -z "$(on_all_nodes SET "$name" foreign NX PX 60000 | tr -d '\n')" ]; done
  end_set
}

@test "a waiter for two names is served among others that keep taking one of them" {
  start_nodes 3
  local name i
  # Each begins again at once, so that somebody always waits for either name.
  for name in "$a" "$b"; do
    for i in 1 2 3; do
      (until [[ -e $marks/both ]]; do "$REDLOCK" run "$name" -- sleep 0.2; done) 3>&- &
      started+=($!)
    done
  done
  wait_until 20 eval '(($(nodes_holding "$a") == 3 && $(nodes_holding "$b") == 3))'
  start_redlock both run "$a" "$b" -- touch "$marks/both"
  local began
  began=$(microseconds)
  wait_until 60 test -e "$marks/both"
  echo "served after $(milliseconds_since "$began") ms"
  finish "$redlock"
  [ "$status" -eq 0 ]
}

@test "five philosophers with two forks each: none starves, no fork has two owners, and they come to an end" {
  address=127.0.0.1 start_nodes 5
  far_nodes 5-15
  local meals=${REDLOCK_TEST_MEALS:-20} i
  cat > "$marks/eat" << 'SCRIPT'
cd "$1" && mkdir "fork $2" "fork $3" || echo clash >> clashes
echo "$2" >> eaten
rmdir "fork $2" "fork $3"
SCRIPT
  for i in 0 1 2 3 4; do
    (for ((meal = 0; meal < meals; ++meal)); do
      "$REDLOCK" run "fork $i" "fork $(((i + 1) % 5))" -- sh "$marks/eat" "$marks" "$i" $(((i + 1) % 5))
    done) 3>&- &
    started+=($!)
  done
  wait_until 120 has_lines $((5 * meals)) "$marks/eaten"
  [ ! -e "$marks/clashes" ]
  # Until the first has had all its meals: the most to the least is below 3:1, once all have had two. Fewer are chance; but by
  # then all have had more than a third as many.
  awk -v meals="$meals" '
    { ++eaten[$1]; most = 0; least = meals
      for (i = 0; i < 5; ++i) { n = eaten[i] + 0; if (n > most) most = n; if (n < least) least = n }
      if ((least >= 2 || most == meals) && most >= 3 * least) { print most ":" least; exit 1 }
      if (most == meals) exit 0 }' "$marks/eaten"
  wait_until 20 only_fences_left
}
