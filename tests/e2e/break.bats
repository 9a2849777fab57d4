#!/usr/bin/env bats
# redlock break: takes a lock away from whoever holds it, and from nobody else.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
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
  start_holder "$lock" --ttl 9s
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
  start_holder "$lock" --ttl 15s --node-timeout 3s
  freeze_node 5
  try_break --yes --node-timeout 3s "$lock"
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
  "$REDLOCK" acquire --ttl 9s --while-pid "$sleeper" "$lock" > "$marks/token"
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
  [ "$(nodes_with "$lock" deadbeefdeadbeef)" -eq 3 ]
  on_all_nodes DEL "$lock"
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
  # Why, also where no table of the nodes has said it.
  try_break --yes --json "$lock"
  [[ $stderr == *"nothing is broken"*"  $(url_of 1)/0: connection refused"*"$(url_of 3)/0: connection refused"* ]]
  kill_node 4 5
  try_break --yes "$lock" other
  [[ $stderr == *"nothing is broken"*"$(url_of 5)/0: connection refused"* ]]
}

@test "a minority that is down or hangs does not matter" {
  start_nodes 5
  foreign deadbeefdeadbeef 1 2 3 4 5
  kill_node 1
  freeze_node 2
  try_break --yes --node-timeout 3s "$lock"
  [ "$status" -eq 0 ]
  nothing_left_of "$lock" 3 4 5
  # What was on its way to the node that hung does its work when it wakes up.
  thaw_node 2
  wait_until 10 nothing_left_of "$lock" 2
}

@test "names of any kind" {
  for lock in 'two words' $'a\nb' '-n' '\' 'a]b' "it's"; do
    foreign deadbeefdeadbeef 1 2 3
    try_break --yes -- "$lock"
    [ "$status" -eq 0 ]
    nothing_left_of "$lock"
  done
}

# --- several, and by pattern

@test "several locks are broken at once, and each of their holders hears of it" {
  start_redlock one run --ttl 9s --events "$marks/one.events" "$lock-a" -- sh -c "touch '$marks/one'; exec sleep 1000"
  local one=$redlock
  start_redlock two run --ttl 9s "$lock-b" "$lock-c" -- sh -c "touch '$marks/two'; exec sleep 1000"
  local two=$redlock
  lock="$lock-foreign" foreign deadbeefdeadbeef 1 2 3
  wait_until 20 test -e "$marks/one"
  wait_until 20 test -e "$marks/two"
  try_break --yes "$lock-a" "$lock-b" "$lock-a" "$lock-foreign"
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 4 ]
  [[ ${lines[0]} == "NAME "* ]]
  [[ ${lines[1]} == "$lock-a "*" held "*"(pid $one)"* ]]
  [[ ${lines[2]} == "$lock-b "*" held "*"(pid $two)"* ]]
  [[ ${lines[3]} == "$lock-foreign "*" foreign "* ]]
  [[ $stderr == *"lock '$lock-a' is broken"*"lock '$lock-b' is broken"*"lock '$lock-foreign' is broken: its holder is another program"* ]]
  finish "$one"
  [ "$status" -eq 79 ]
  has_text '"event":"lost".*"reason":"broken"' "$marks/one.events"
  finish "$two"
  [ "$status" -eq 79 ]
  [[ $(< "$marks/two.err") == *"were lost: somebody has broken one of them"* ]]
  for name in a b c foreign; do nothing_left_of "$lock-$name"; done
}

@test "a pattern stands for all locks that list shows for it, and for no other" {
  local name
  for name in ci-1 ci-2 'ci-[3]' cd-1; do plant "$name" aaaaaaaaaaaaaaaa 1 2 3; done
  plant other:ci-9 aaaaaaaaaaaaaaaa 3 4 5
  try_break --yes 'ci-*' ci-2
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 4 ]
  for name in ci-1 ci-2 'ci-[3]'; do nothing_left_of "$name"; done
  [ "$(nodes_holding cd-1) $(nodes_holding other:ci-9)" = "3 3" ]
  try_break --yes 'c[a-d]-?' --key-prefix other: 'ci*'
  [ "$status" -eq 1 ]
  [[ $stderr == *"no lock matches 'c[a-d]-?': nothing is broken. The lock of that very name is 'c\\[a-d]-\\?'"* ]]
  [ "$(nodes_holding cd-1) $(nodes_holding other:ci-9)" = "3 0" ]
  try_break --yes 'c[a-d]-?'
  [ "$status" -eq 0 ]
  nothing_left_of cd-1
}

@test "a backslash makes a name of a pattern, also for a lock that another library holds" {
  plant 'a*' aaaaaaaaaaaaaaaa 1 2 3
  plant ab aaaaaaaaaaaaaaaa 1 2 3
  try_break --yes 'a\*'
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == "lock 'a*' is held by "* ]]
  nothing_left_of 'a*'
  [ "$(nodes_holding ab)" -eq 3 ]
  lock='a[b]\?' foreign deadbeefdeadbeef 1 2 3
  try_break --yes 'a[b]\?'
  [ "$status" -eq 1 ]
  try_break --yes 'a\[b\]\\\?'
  [ "$status" -eq 0 ]
  nothing_left_of 'a[b]\?'
  [ "$(nodes_holding ab)" -eq 3 ]
  on_all_nodes DEL ab redlock.info:ab
}

@test "where nothing matches nothing is broken, which is a no" {
  try_break --yes 'none-*'
  [ "$status" -eq 1 ]
  [ -z "$output" ]
  [[ $stderr == "redlock: no lock matches 'none-*': nothing is broken."* ]]
  try_break --json --yes 'none-*'
  [ "$status" -eq 1 ]
  [ "$output" = '[]' ]
}

@test "of several locks the worst counts, and those that are held are broken all the same" {
  plant some-1 aaaaaaaaaaaaaaaa 1 2 3
  try_break --json --yes some-1 some-2 'more-*'
  [ "$status" -eq 1 ]
  [ "$(json '[(lock["name"], lock["state"], lock["broken"]) for lock in it]')" = "[('some-1', 'held', True), ('some-2', 'free', False)]" ]
  [[ $stderr == *"lock 'some-2' is free: nothing is broken"* && $stderr == *"lock 'some-1' is broken"* ]]
  nothing_left_of some-1
}

@test "one list, one question, and only the tokens that were shown are taken away" {
  local name
  for name in q-1 q-2 q-3; do plant "$name" aaaaaaaaaaaaaaaa 1 2 3; done
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" "type \"\$REDLOCK\" break 'q-*'; echo en''ded \$?\r" \
    'see q-1 ' 'see q-3 ' 'see Break these 3 locks? [y/N] ' 'type n\r' 'see the 3 locks are left as they are' 'see ended 1'
  [ "$(nodes_holding q-1) $(nodes_holding q-2) $(nodes_holding q-3)" = "3 3 3" ]
  cat > "$BATS_TEST_TMPDIR/change" <<'SCRIPT'
for node in $REDLOCK_NODES; do
  redis-cli -u "$node" SET q-2 cafecafecafecafe PX 60000
  redis-cli -u "$node" DEL q-3
  redis-cli -u "$node" SET q-4 cafecafecafecafe PX 60000
  redis-cli -u "$node" HSET redlock.info:q-4 token cafecafecafecafe host h pid 1
done
SCRIPT
  (
    wait_until 20 test -e "$marks/asked"
    bash "$BATS_TEST_TMPDIR/change" > /dev/null
    touch "$marks/changed"
  ) 3>&- &
  local changer=$!
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" "type \"\$REDLOCK\" break 'q-*'; echo en''ded \$?\r" \
    "see [y/N] " "run touch '$marks/asked'; until [ -e '$marks/changed' ]; do sleep 0.01; done" 'type y\r' \
    "see lock 'q-1' is broken" "see 'q-2' was given back meanwhile, and has a new holder: nothing is broken" \
    "see 'q-3' was given back meanwhile: nothing is broken" 'see ended 1'
  wait "$changer"
  nothing_left_of q-1
  [ "$(nodes_with q-2 cafecafecafecafe) $(nodes_with q-4 cafecafecafecafe)" = "5 5" ]
  on_all_nodes DEL q-2 q-4 redlock.info:q-2 redlock.info:q-4
}

@test "a pattern needs a quorum that could be searched" {
  start_nodes 5
  local name
  for name in p-1 p-2; do plant "$name" aaaaaaaaaaaaaaaa 1 2 3 4 5; done
  kill_node 1 2
  try_break --yes --node-timeout 3s 'p-*'
  [ "$status" -eq 0 ]
  [[ $stderr == *"warning: $(url_of 1)/0: connection refused"* ]]
  for name in p-1 p-2; do nothing_left_of "$name" 3 4 5; done
  plant p-3 aaaaaaaaaaaaaaaa 3 4 5
  kill_node 3
  try_break --yes --node-timeout 3s 'p-*'
  [ "$status" -eq 69 ]
  [[ $stderr == *"no quorum: 2 of 5 nodes could be searched, 3 needed"* ]]
  [ "$(redis_cli 4 GET p-3)" = aaaaaaaaaaaaaaaa ]
}

@test "hundreds of locks are broken in a few round trips" {
  start_nodes 3
  on_all_nodes EVAL "for i = 1, 250 do
    redis.call('SET', 'many' .. i, 'token' .. i, 'PX', 60000)
    redis.call('HSET', 'redlock.info:many' .. i, 'token', 'token' .. i, 'host', 'h', 'pid', 1)
  end" 0 > /dev/null
  freeze_node 3
  # One by one, they would be waited for until all have expired.
  try_break --json --yes --node-timeout 3s 'many*'
  [ "$status" -eq 0 ]
  [ "$(json 'len(it), all(lock["broken"] for lock in it)')" = "(250, True)" ]
  thaw_node 3
  for node in 1 2; do [ -z "$(redis_cli "$node" KEYS 'many*')" ]; done
}
