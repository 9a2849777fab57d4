#!/usr/bin/env bats
# redlock status: who holds a lock, and what each node says.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  start_nodes 5
}
setup() { redlock_setup; }
teardown() {
  redlock_teardown
  # A test may have nodes of its own.
  if [[ $nodes_dir == "$BATS_TEST_TMPDIR"/* ]]; then stop_nodes; fi
}
teardown_file() { stop_nodes; }

try_status() { try "$REDLOCK" status "$@"; }

# json EXPRESSION: of the JSON in $output, as `it`.
json() { /usr/bin/python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<< "$output"; }

# foreign TOKEN NODE...: what a Redlock library would set.
foreign() {
  local node
  for node in "${@:2}"; do [ "$(redis_cli "$node" SET "$lock" "$1" NX PX 60000)" = OK ]; done
}
held_on() { (($(nodes_holding "$lock") == $1)); }
# Held as seen from everywhere: stragglers of an acquisition come behind the quorum.
hold() {
  start_holder "$lock" "$@"
  wait_until 10 held_on "$(all_nodes | wc -l)"
}

# --- states ----------------------------------------------------------------------------------------------------------

@test "a lock that is held: who, since when, the fence, and every node's vote; never the token" {
  hold --ttl 59s
  local token fence
  token=$(redis_cli 1 GET "$lock") fence=$(redis_cli 1 GET "redlock.fence:$lock")
  LOGNAME=mallory try_status "$lock"
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  [[ ${lines[0]} == "lock '$lock' is held by "*"@$(hostname) (pid $holder, sh)"*"; it expires in "* ]]
  [[ ${lines[1]} == *"5 of 5 votes (3 needed)"*"token ${token:0:8}..., fence $fence, since 20"* ]]
  [ "$(grep -cE '^  redis://[^ ]+ +held +[0-9]+s +[0-9.]+ ms$' <<< "$output")" -eq 5 ]
  [[ $output != *"${token:0:9}"* ]]
  [[ $output != *mallory* ]]

  try_status --json "$lock"
  [ "$status" -eq 0 ]
  [[ $output != *"${token:0:9}"* ]]
  [ "$(json 'len(it), it[0]["name"], it[0]["state"], it[0]["votes"], it[0]["quorum"]')" = "(1, '$lock', 'held', 5, 3)" ]
  [ "$(json 'it[0]["holder"]["pid"], it[0]["holder"]["command"], it[0]["fence"]')" = "($holder, 'sh', $fence)" ]
  [ "$(json 'it[0]["token"]')" = "${token:0:8}..." ]
  [ "$(json '20000 < it[0]["remaining_ms"] <= 59000')" = True ]
  [ "$(json '[(n["vote"], n["reason"]) for n in it[0]["nodes"]]')" = "$(json '[("held", None)] * 5')" ]
  [ "$(json 'all(n["latency_us"] > 0 for n in it[0]["nodes"])')" = True ]
  # The times are what RFC 3339 says, and of this minute.
  /usr/bin/python3 -c '
import datetime, json, sys
lock = json.load(sys.stdin)[0]
read = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
now = datetime.datetime.now(datetime.timezone.utc)
assert abs((now - read(lock["holder"]["since"])).total_seconds()) < 60
assert 0 < (read(lock["expires_at"]) - now).total_seconds() <= 59' <<< "$output"
  end_holder
}

@test "the holder is a user of the passwd file where the environment names none" {
  local environment=(env -u LOGNAME -u USER)
  "${environment[@]}" "$REDLOCK" acquire "$lock" > /dev/null
  try_status "$lock"
  [[ ${lines[0]} == "lock '$lock' is held by $(id -un)@$(hostname) (pid "* ]]
  (($(id -u) == 0)) || return 0
  # One whom the file does not know.
  reachable=$(mktemp -d)
  chmod 755 "$reachable"
  cp "$REDLOCK" "$reachable/redlock"
  lock+=" of nobody"
  "${environment[@]}" REDLOCK_CONFIG=/dev/null setpriv --reuid=64321 --clear-groups "$reachable/redlock" -q acquire "$lock" > /dev/null
  rm -rf "$reachable"
  try_status "$lock"
  [[ ${lines[0]} == "lock '$lock' is held by uid 64321@$(hostname) (pid "* ]]
}

@test "with -q status prints nothing, and the exit status tells" {
  hold
  try_status -q "$lock"
  [ "$status" -eq 0 ]
  [ -z "$output$stderr" ]
  try_status -q --json "$lock"
  [ "$(json 'it[0]["state"]')" = held ]
  end_holder
  try "$REDLOCK" -q status "$lock"
  [ "$status" -eq 1 ]
  [ -z "$output$stderr" ]
  REDLOCK_NODES=redis://127.0.0.1:1 try_status -q "$lock"
  [ "$status" -eq 69 ]
  [ -z "$output" ]
  [[ $stderr == *'no quorum'* ]]
}

@test "a note is shown wherever the holder is, escaped, and a node that lost it gets it again" {
  hold --ttl 9s --note $'https://ci/42\e[31m'
  shown="note 'https://ci/42\\x1b[31m'"
  try_status "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == *"(pid $holder, sh) since "*", $shown; it expires in "* ]]
  try_status --json "$lock"
  [ "$(json 'it[0]["holder"]["note"]')" = $'https://ci/42\e[31m' ]

  REDLOCK_NOTE=ignored try "$REDLOCK" list
  [[ $output == *'https://ci/42\x1b[31m'* ]]
  try_run -n "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *", $shown; it expires in "* ]]
  try "$REDLOCK" release "$lock" someone
  [[ $stderr == *"is held by "*", $shown"* ]]

  redis_cli 1 FLUSHALL > /dev/null
  has_note() { [[ $(redis_cli 1 HGET "redlock.info:$lock" note) == $'https://ci/42\e[31m' ]]; }
  wait_until 20 has_note
  end_holder
}

@test "a note may come from the environment, and without one nothing is said" {
  REDLOCK_NOTE=TICKET-7 hold
  try_status "$lock"
  [[ ${lines[0]} == *", note 'TICKET-7'; it expires in "* ]]
  end_holder
  hold
  try_status "$lock"
  [[ $output != *note* ]]
  try_status --json "$lock"
  [ "$(json 'it[0]["holder"]["note"]')" = None ]
  end_holder
}

@test "a lock that is free, and one of which nobody has ever heard" {
  "$REDLOCK" run "$lock" -- true
  for name in "$lock" "$lock never"; do
    try_status "$name"
    [ "$status" -eq 1 ]
    [ "${lines[0]}" = "lock '$name' is free" ]
    [ "$(grep -cE '^  redis://[^ ]+ +free +[0-9.]+ ms$' <<< "$output")" -eq 5 ]
    try_status --json "$name"
    [ "$status" -eq 1 ]
    [ "$(json 'it[0]["state"], it[0]["holder"], it[0]["token"], it[0]["remaining_ms"], it[0]["votes"]')" = "('free', None, None, None, 0)" ]
  done
  # To look leaves nothing behind.
  nothing_left_of "$lock never"
}

@test "a Redlock library's lock is held by another program, also over what is left of an info" {
  foreign deadbeefcafe 1 2 4
  on_all_nodes HSET "redlock.info:$lock" token other host web3 user carol pid 1 > /dev/null
  try_status "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == "lock '$lock' is held by another program, which does not say who it is; it expires in "* ]]
  [[ $output != *web3* && $output != *fence* && $output != *deadbeefc* ]]
  try_status --json "$lock"
  [ "$(json 'it[0]["state"], it[0]["holder"], it[0]["fence"], it[0]["token"], it[0]["votes"]')" = "('foreign', None, None, 'deadbe...', 3)" ]
}

@test "a library from the registry: while redis-py holds the lock, status says so" {
  /usr/bin/python3 -c 'import redis' 2> /dev/null || skip "python3-redis is not installed"
  cat > "$BATS_TEST_TMPDIR/holder.py" <<'PYTHON'
import os, sys, redis, secrets
token = secrets.token_hex(10)
nodes = [redis.Redis.from_url(url) for url in os.environ["REDLOCK_NODES"].split()]
print(sum(bool(node.set(sys.argv[1], token, nx=True, px=60000)) for node in nodes), flush=True)
sys.stdin.readline()
compare_and_delete = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
print(sum(node.eval(compare_and_delete, 1, sys.argv[1], token) for node in nodes), flush=True)
PYTHON
  coproc LIBRARY { /usr/bin/python3 "$BATS_TEST_TMPDIR/holder.py" "$lock" 3>&-; }
  read -r -t 20 votes <&"${LIBRARY[0]}"
  [ "$votes" -eq 5 ]
  try_status "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == *"is held by another program"* ]]
  echo >&"${LIBRARY[1]}"
  read -r -t 20 votes <&"${LIBRARY[0]}"
  [ "$votes" -eq 5 ]
  try_status "$lock"
  [ "$status" -eq 1 ]
}

@test "a key that somebody set by hand, without a TTL, does not expire" {
  on_all_nodes SET "$lock" 1 > /dev/null
  try_status "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == *"has no TTL, so it never expires by itself"* ]]
  [[ $output == *"token ..."* ]] # it has one byte, and half of it is none
  [ "$(grep -c ' no TTL ' <<< "$output")" -eq 5 ]
  try_status --json "$lock"
  [ "$(json 'it[0]["remaining_ms"], it[0]["expires_at"]')" = "(None, None)" ]
}

@test "votes that nobody has a quorum of are a split, and told from a free lock" {
  foreign aaaaaaaaaaaaaaaa 1 2
  foreign bbbbbbbbbbbbbbbb 4 5
  try_status "$lock"
  [ "$status" -eq 1 ]
  [[ ${lines[0]} == "lock '$lock' is split: nobody holds it, 2 contenders had votes, the most 2 of the 3 needed" ]]
  [ "$(grep -cE ' other +aaaaaaaa\.\.\. ' <<< "$output")" -eq 2 ]
  [ "$(grep -cE ' other +bbbbbbbb\.\.\. ' <<< "$output")" -eq 2 ]
  try_status --json "$lock"
  [ "$status" -eq 1 ]
  [ "$(json 'it[0]["state"], it[0]["contenders"], it[0]["votes"], it[0]["holder"]')" = "('split', 2, 2, None)" ]
}

@test "of several locks the worst decides the exit status" {
  hold
  try_status "$lock" "$lock"
  [ "$status" -eq 0 ]
  try_status "$lock" "$lock free"
  [ "$status" -eq 1 ]
  [[ $output == *"'$lock' is held"*"'$lock free' is free"* ]]
  on_all_nodes LPUSH "$lock list" x > /dev/null
  try_status "$lock" "$lock free" "$lock list"
  [ "$status" -eq 69 ]
  try_status --json "$lock" "$lock free" "$lock list"
  [ "$status" -eq 69 ]
  [ "$(json '[lock["state"] for lock in it]')" = "['held', 'free', 'unknown']" ]
  [[ $(json 'it[2]["nodes"][0]["reason"]') == *WRONGTYPE* ]]
  end_holder
}

# --- nodes that are in trouble ---------------------------------------------------------------------------------------

@test "nodes that are down, hang, are replicas or want another password: each with its reason" {
  start_nodes 5
  foreign deadbeef 1 2 3
  local port=$(url_of 1)
  kill_node 4
  freeze_node 5
  redis_cli 3 CONFIG SET requirepass secret > /dev/null
  REDLOCK_NODES=${REDLOCK_NODES/$(url_of 3)/$(sed 's,redis://,&:wrong-pass@,' "$nodes_dir/3.url")}
  try_status --node-timeout 3s "$lock"
  [ "$status" -eq 69 ]
  [[ $output == *"$(url_of 4)/0 "*" none "*"connection refused: is redis-server running there?"* ]]
  [[ $output == *"$(url_of 5)/0 "*" none "*"timed out"* ]]
  [[ $output == *"$(url_of 3)/0 "*" none "*"does not accept the password: WRONGPASS"* ]]
  [[ $stderr == "redlock: no quorum for lock '$lock': 2 of 5 nodes could tell, 3 needed" ]]
  [[ $output$stderr != *wrong-pass* ]]
  thaw_node 5
  # Two answer, one of them a replica: what it shows does not count.
  redis_cli 2 REPLICAOF "$nodes_address" "${port##*:}" > /dev/null
  REDLOCK_NODES="$(url_of 1) $(url_of 2)"
  try_status "$lock"
  [ "$status" -eq 69 ]
  [[ $output == *"$(url_of 2)/0 "*"is a replica, which has no vote: name its master instead"* ]]
}

@test "a minority in trouble changes nothing but its own lines" {
  start_nodes 5
  hold
  kill_node 2
  freeze_node 3
  try_status --node-timeout 3s "$lock"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == "lock '$lock' is held by"* ]]
  [[ ${lines[1]} == *"3 of 5 votes"* ]]
  [ -z "$stderr" ]
  thaw_node 3
  end_holder
  # Two may hide votes, but no quorum.
  kill_node 3
  try_status "$lock"
  [ "$status" -eq 1 ]
  [ "${lines[0]}" = "lock '$lock' is free" ]
}

@test "a lock is not free while the nodes that do not answer may hold the rest of a quorum" {
  start_nodes 5
  foreign deadbeef 1 2 3
  kill_node 2 3
  try_status "$lock"
  [ "$status" -eq 69 ]
  [[ $stderr == *"whether it is held depends on the 2 of 5 nodes that could not tell" ]]
}

@test "one server by two names is refused, since its word would count twice" {
  start_nodes 1
  REDLOCK_NODES="$(url_of 1) redis://[::ffff:$nodes_address]:$(sed 's/.*://' "$nodes_dir/1.url")"
  try_status "$lock"
  [ "$status" -eq 78 ]
  [[ $stderr == *"one and the same server"* ]]
}

@test "a node that restarted lately is believed a token, but not that it has none" {
  start_nodes 3
  foreign deadbeef 1 2
  unset REDLOCK_RESTART_QUARANTINE
  try_status "$lock"
  [ "$status" -eq 0 ]
  [[ $output == *"$(url_of 3)/0 "*"restarted lately"* ]]
  try_status "$lock other"
  [ "$status" -eq 69 ]
}

# --- names, holders and terminals ------------------------------------------------------------------------------------

@test "a lock may have any name: blanks, quotes, newlines, UTF-8, braces, globs, a dash in front" {
  local name shown
  while IFS= read -r -d '|' name && IFS= read -r shown; do
    name=$(printf '%b' "$name")
    for node in 1 2 3; do [ "$(redis_cli "$node" SET "$name" deadbeef PX 60000)" = OK ]; done
    try_status -- "$name"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "lock '$shown' is held by "* ]] || { echo "${lines[0]} is not $shown"; return 1; }
    try_status --json -- "$name"
    [ "$(json 'it[0]["name"]')" = "$name" ]
  done <<'NAMES'
two words|two words
a'b"c|a'b"c
first\nsecond|first\nsecond
grüß 锁|grüß 锁
{tag}|{tag}
*|*
[a]?|[a]?
-n|-n
--json|--json
run|run
NAMES
}

@test "bad input: no name, an empty one, one that is reserved, an unknown option" {
  try_status
  [ "$status" -eq 64 ]
  try_status ''
  [ "$status" -eq 64 ]
  try_status "$lock" redlock.info:x
  [ "$status" -eq 64 ]
  try_status --ttl 3s "$lock"
  [ "$status" -eq 64 ]
  try_status --color sometimes "$lock"
  [ "$status" -eq 64 ]
  [ "$(wc -l <<< "$stderr")" -eq 1 ]
}

@test "what a holder says of itself is shown escaped" {
  local command=$'\e]0;pwned\a\e[2J\nredlock: all is well \xff'
  for node in 1 2 3; do
    redis_cli "$node" SET "$lock" deadbeefdeadbeef PX 60000 > /dev/null
    redis_cli "$node" HSET "redlock.info:$lock" token deadbeefdeadbeef host $'ho\rst' user $'\e[31mroot' pid -7 \
      since 99999999999999999999 command "$command" > /dev/null
  done
  try_status "$lock"
  [ "$status" -eq 0 ]
  [[ $output != *[$'\e\a\r']* ]]
  [[ ${lines[0]} == *'\x1b[31mroot@ho\rst (pid 0, \x1b]0;pwned\x07\x1b[2J\nredlock: all is well \xff)'* ]]
  try_status --json "$lock"
  [[ $(json 'it[0]["holder"]["user"] == "\x1b[31mroot" and it[0]["holder"]["since"] is None') == True ]]
  [[ $output != *$'\e'* ]]
}

# on_terminal COLUMNS ROWS COMMAND...: its output at a terminal of that size.
on_terminal() {
  local size="stty cols $1 rows $2;"
  shift 2
  SHELL=$BASH script -qec "$size exec ${*@Q}" /dev/null < /dev/null # which understands what it has quoted
}

@test "at a terminal of 20 columns no line is wider, whatever stands in it" {
  lock="锁锁锁 $(printf 'wide%.0s' {1..30})"
  hold
  redis_cli 3 SET "$lock" "a foreign token" > /dev/null
  for columns in 1 7 20 33 79; do
    on_terminal "$columns" 50 env TERM=xterm "$REDLOCK" status "$lock" > "$BATS_TEST_TMPDIR/seen"
    widest=$("$BATS_TEST_DIRNAME/../helpers/columns.py" < "$BATS_TEST_TMPDIR/seen")
    echo "at $columns columns the widest line takes $widest"
    ((widest <= columns))
  done
  # Off a terminal nothing is cut off.
  try_status "$lock"
  [[ ${lines[0]} == "lock '$lock' is held"* ]]
  end_holder
}

@test "colours are for terminals, and for those who ask; NO_COLOR is honoured" {
  try_status "$lock"
  [[ $output != *$'\e'* ]]
  try_status --color always "$lock"
  [[ $output == *$'\e[2mNODE'* ]]
  NO_COLOR=1 try_status --color always "$lock"
  [[ $output == *$'\e[2mNODE'* ]]
  run on_terminal 80 24 env TERM=xterm "$REDLOCK" status "$lock"
  [[ $output == *$'\e[2mNODE'* ]]
  run on_terminal 80 24 env TERM=xterm NO_COLOR=1 "$REDLOCK" status "$lock"
  [[ $output != *$'\e'* ]]
  run on_terminal 80 24 env TERM=dumb "$REDLOCK" status "$lock"
  [[ $output != *$'\e'* ]]
  run on_terminal 80 24 env TERM=xterm "$REDLOCK" status --color never "$lock"
  [[ $output != *$'\e'* ]]
}

@test "an output that takes nothing is an error" {
  try sh -c '"$REDLOCK" status "$1" > /dev/full' - "$lock"
  [ "$status" -eq 71 ]
  [[ $stderr == *"cannot write to standard output: no space left on device"* ]]
}

# --- looking again and again -----------------------------------------------------------------------------------------

@test "--watch off a terminal tells of each change in a line, and ends with a signal" {
  launch watcher "$REDLOCK" status --watch "$lock" "$lock other"
  local watcher=$launched
  wait_until 20 has_text "Z lock '$lock' is free" "$marks/watcher.out"
  wait_until 20 has_text "Z lock '$lock other' is free" "$marks/watcher.out"
  hold
  wait_until 20 has_text "Z lock '$lock' is held by .*(pid $holder, sh).* ([345] of 5 votes)" "$marks/watcher.out"
  end_holder
  wait_until 20 eval '(($(grep -c "is free" "$marks/watcher.out") == 3))'
  # Nothing has become of the other one, so nothing is told of it.
  [ "$(grep -c "'$lock other'" "$marks/watcher.out")" -eq 1 ]
  [[ $(< "$marks/watcher.out") != *$'\e'* ]]
  kill -INT "$watcher"
  [ "$(ending_of watcher)" = "signalled 2" ]
  [ ! -s "$marks/watcher.err" ]
}

@test "--watch --json prints a document a line" {
  start_redlock watcher status --watch --json "$lock"
  local watcher=$redlock
  wait_until 20 has_lines 1 "$marks/watcher.out"
  hold
  wait_until 20 has_text '"state":"held"' "$marks/watcher.out"
  kill -TERM "$watcher"
  finish "$watcher"
  [ "$status" -eq 143 ]
  /usr/bin/python3 -c '
import json, sys
states = [json.loads(line)[0]["state"] for line in sys.stdin]
assert states[0] == "free" and states[-1] == "held", states' < "$marks/watcher.out"
  end_holder
}

@test "--watch goes on while nodes come and go" {
  start_nodes 3
  start_redlock watcher status --watch "$lock"
  wait_until 20 has_text "is free" "$marks/watcher.out"
  kill_node 1 2
  wait_until 20 has_text "no quorum for lock '$lock'" "$marks/watcher.out"
  boot_node 1
  wait_until 20 eval '(($(grep -c "is free" "$marks/watcher.out") == 2))'
}

@test "--watch ends quietly when nobody reads it any more" {
  "$REDLOCK" status --watch "$lock" 2> "$marks/err" 3>&- > >(head -n 1 > "$marks/out"; exec < /dev/null; touch "$marks/gone") &
  local watcher=$!
  started+=("$watcher")
  wait_until 20 has_lines 1 "$marks/out"
  wait_until 20 test -e "$marks/gone"
  foreign deadbeef 1 2 3
  finish "$watcher"
  [ "$status" -eq 141 ]
  [ ! -s "$marks/err" ]
}

@test "--watch at a terminal draws in place, and puts the terminal back" {
  export lock="锁锁 watched by a person"
  foreign deadbeefdeadbeef 1 2 3
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" 'type export TERM=xterm; stty cols 20 rows 6; clear\r' 'see PROMPT> ' \
    'type "$REDLOCK" status --watch "$lock"\r' \
    'see \x1b[?1049h\x1b[?25l' 'see \x1b[J' 'see \x1b[H' 'see \x1b[J' 'type \x03' 'see \x1b[?25h\x1b[?1049l' 'see PROMPT> ' 'type echo en""ded $?\r' 'see ended 130'
  # Between entering and leaving, no frame is wider or higher than the terminal.
  frames=${output#*$'\e[?1049h'}
  frames=${frames%%$'\e[?25h'*}
  widest=$("$BATS_TEST_DIRNAME/../helpers/columns.py" <<< "${frames//^C/}")
  ((widest <= 20))
  first=${frames#*$'\e[H'}
  first=${first%%$'\e[H'*}
  (($(wc -l <<< "$first") <= 6))
  # What was seen last stays.
  [[ ${output##*$'\e[?1049l'} == *"lock '锁锁 "* ]]
}

@test "--watch at a terminal is stopped and continued like any program" {
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" 'type export TERM=xterm\r' 'see PROMPT> ' \
    "type \"\$REDLOCK\" status --watch '$lock'\r" 'see \x1b[?1049h' 'see is free' 'type \x1a' 'see \x1b[?1049l' 'see Stopped' \
    'see PROMPT> ' 'type fg\r' 'see \x1b[?1049h' 'see is free' 'type \x03' 'see \x1b[?1049l' 'see PROMPT> '
}
