#!/usr/bin/env bats
# Locks by hand: acquire, extend, release.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  start_nodes 5
}
teardown_file() { stop_nodes; }
setup() { redlock_setup; }
teardown() { redlock_teardown; }

acquire() { try "$REDLOCK" acquire "$@"; }
extend() { try "$REDLOCK" extend "$@"; }
release() { try "$REDLOCK" release "$@"; }
one_line() { [[ $stderr == "redlock: "* ]] && (($(wc -l <<< "$stderr") == 1)); }

@test "acquire prints the token and nothing else, and a quorum of nodes holds it" {
  acquire "$lock"
  [ "$status" -eq 0 ]
  [[ $output =~ ^[0-9a-f]{40}$ ]]
  [ -z "$stderr" ]
  (($(nodes_with "$lock" "$output") >= 3))
  release "$lock" "$output"
  [ "$status" -eq 0 ]
  [ -z "$output$stderr" ]
  only_fences_and_notes_left
}

# What tells a keeper in the background of the release lives as long as the lease would have.
only_fences_and_notes_left() {
  local left
  left=$(on_all_nodes EVAL "
    local left = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
      if key:sub(1, 14) ~= 'redlock.fence:' and key:sub(1, 17) ~= 'redlock.released.' then table.insert(left, key) end
    end
    return left" 0)
  [[ -z ${left//$'\n'/} ]] || { echo "left over: $left"; return 1; }
}

@test "the lock of another library is not extended: each node says why, and nothing is written" {
  local node token=cccccccccccccccc
  on_all_nodes FLUSHALL > /dev/null
  on_all_nodes SET "$lock" $token PX 100000 > /dev/null
  # With the counter of an earlier holder, too.
  on_all_nodes SET "redlock.fence:$lock" 5 > /dev/null
  extend "$lock" $token
  [ "$status" -eq 69 ]
  for node in 1 2 3 4 5; do
    [[ $stderr == *"$(url_of "$node")/0: has the token, but not what redlock writes beside it"* ]]
    [ "$(redis_cli "$node" EXISTS "redlock.info:$lock")" = 0 ]
    [ "$(redis_cli "$node" PTTL "redlock.fence:$lock")" = -1 ]
  done
  on_all_nodes FLUSHALL > /dev/null
  # Nodes that have lost it mend where the others are a quorum.
  acquire "$lock"
  token=$output
  for node in 1 2; do redis_cli "$node" DEL "redlock.info:$lock" > /dev/null; done
  extend "$lock" "$token" --ttl 60s
  [ "$status" -eq 0 ]
  for node in 1 2 3 4 5; do
    [ "$(redis_cli "$node" HGET "redlock.info:$lock" token)" = "$token" ]
    (($(redis_cli "$node" PTTL "$lock") > 40000))
  done
  release "$lock" "$token"
}

@test "a lock that is held is refused with 75, or another status, or waited for" {
  local token=$("$REDLOCK" acquire "$lock")
  acquire -n "$lock"
  [ "$status" -eq 75 ]
  [ -z "$output" ]
  one_line
  acquire -n -E 3 "$lock"
  [ "$status" -eq 3 ]
  acquire -w 50ms --retry-delay 5ms "$lock"
  [ "$status" -eq 75 ]
  start_redlock waiter acquire --retry-delay 5ms "$lock"
  wait_until 20 has_text 'is held by' "$marks/waiter.err"
  "$REDLOCK" release "$lock" "$token"
  finish "$redlock"
  [ "$status" -eq 0 ]
  release "$lock" "$(< "$marks/waiter.out")"
  [ "$status" -eq 0 ]
}

@test "the form for the shell survives eval, whatever the name is" {
  for name in plain "with 'quotes' and \"more\"" $'line\nend' 'gr\xc3\xbc\xc3\x9fe' '{}*?[a]' '$HOME `id` \\' ' blanks '; do
    try sh -c '
      eval "$("$REDLOCK" acquire --format shell "$1")"
      [ "$REDLOCK_NAME" = "$1" ] || exit 9
      [ "$REDLOCK_FENCE" -gt 0 ] || exit 8
      sh -c "[ \"\$REDLOCK_NAME\" = \"\$1\" ]" - "$1" || exit 7
      exec "$REDLOCK" release "$REDLOCK_NAME"' - "$name"
    [ "$status" -eq 0 ] || { echo "$status for $name: $stderr"; return 1; }
    nothing_left_of "$name"
  done
}

# eval_in SHELL [ACQUIRE OPTION...]: what SHELL makes of a refusal, below another lock: it goes on after eval only if that
# succeeds, and says which status it saw and which variables are left. It is in a file: a name is not the shell's business.
eval_in() {
  local shell=$1
  shift
  cat > "$marks/script" <<'SCRIPT'
code=0
eval "$("$REDLOCK" acquire --format shell "$@")" || code=$?
echo "$code ${REDLOCK_NAME-none} ${REDLOCK_TOKEN-none} ${REDLOCK_FENCE-none}"
SCRIPT
  cat > "$marks/strict" <<'SCRIPT'
set -eu
eval "$("$REDLOCK" acquire --format shell "$@")"
echo went on
SCRIPT
  export REDLOCK_NAME=outer REDLOCK_TOKEN=outer REDLOCK_FENCE=1
  try $shell "$marks/script" "$@"
  seen=$output
  try $shell "$marks/strict" "$@"
  unset REDLOCK_NAME REDLOCK_TOKEN REDLOCK_FENCE
}

@test "eval of a refusal has the status of redlock in every shell, and no variables of an outer lock" {
  local token=$("$REDLOCK" acquire "$lock") shell nobody="redis://$nodes_address:1" went
  for shell in sh dash bash 'bash --posix' zsh ksh mksh yash 'busybox sh'; do
    command -v ${shell%% *} > /dev/null || continue
    refused() { # STATUS [OPTION...]
      eval_in "$shell" "${@:2}"
      [ "$seen" = "$1 none none none" ] || { echo "$shell, $*: $seen"; return 1; }
      [ "$status" -eq "$1" ] && [ -z "$output" ] || { echo "$shell with -e, $*: $status $output"; return 1; }
    }
    refused 75 -n "$lock"
    refused 3 -n -E 3 "$lock"
  done
  # The shell makes no difference to what follows.
  shell=sh
  refused 64 --no-such-option "$lock"
  refused 64 -E 0 "$lock"
  refused 64 ''
  refused 64 --while-pid 1 "$lock"
  refused 69 -n --node "$nobody" "$lock"
  refused 78 -c "$marks/no-such-file" "$lock"
  refused 71 --events "$marks/no/such/file" "$lock"
  refused 75 -n --while-pid $$ "$lock"
  "$REDLOCK" release "$lock" "$token"
}

@test "eval of a grant leaves no slot of an outer lock" {
  export REDLOCK_SLOT=7
  eval "$("$REDLOCK" acquire --format shell "$lock")"
  [ "${REDLOCK_SLOT-none}" = none ]
  "$REDLOCK" release "$REDLOCK_NAME"
}

@test "a signal that ends acquire while it waits ends eval with its status" {
  local token=$("$REDLOCK" acquire "$lock") how
  for how in "" "--while-pid $$"; do
    start_redlock "waiter$how" acquire --format shell $how "$lock"
    wait_until 20 has_text 'is held by' "$marks/waiter$how.err"
    kill -TERM "$redlock"
    finish "$redlock"
    [ "$status" -eq 143 ]
    try sh -c "$(< "$marks/waiter$how.out")"
    [ "$status" -eq 143 ]
  done
  "$REDLOCK" release "$lock" "$token"
}

@test "the form for programs has name, token, fence, validity, the end and the votes" {
  acquire --json --ttl 10s "$lock"
  [ "$status" -eq 0 ]
  /usr/bin/python3 - "$lock" "$output" > "$marks/token" <<'PYTHON'
import datetime, json, sys
grant = json.loads(sys.argv[2])
assert set(grant) == {"name", "token", "fence", "validity_ms", "expires_at", "votes"}, grant
assert grant["name"] == sys.argv[1] and 0 < grant["validity_ms"] < 10000 and grant["votes"] in (3, 4, 5), grant
left = datetime.datetime.fromisoformat(grant["expires_at"].replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
assert abs(left.total_seconds() - grant["validity_ms"] / 1000) < 5, grant
print(grant["token"])
PYTHON
  release "$lock" "$(< "$marks/token")"
  [ "$status" -eq 0 ]
}

@test "a token that nobody takes is given back" {
  for out in /dev/full closed; do
    status=0
    if [[ $out = closed ]]; then
      "$REDLOCK" acquire "$lock" 2> "$marks/err" >&- || status=$?
    else
      "$REDLOCK" acquire "$lock" 2> "$marks/err" > "$out" || status=$?
    fi
    [ "$status" -eq 71 ]
    [ "$(wc -l < "$marks/err")" -eq 1 ]
    nothing_left_of "$lock"
  done
}

@test "extend gives the whole TTL again, and release ends it" {
  local token=$("$REDLOCK" acquire --ttl 20s "$lock") node
  extend --ttl 60s "$lock" "$token"
  [ "$status" -eq 0 ]
  [ -z "$output$stderr" ]
  local longer=0
  for node in 1 2 3 4 5; do (($(redis_cli "$node" PTTL "$lock") < 30000)) || ((++longer)); done
  ((longer >= 3))
  release "$lock" "$token"
  [ "$status" -eq 0 ]
}

@test "the token comes from the argument, the environment or standard input" {
  local token=$("$REDLOCK" acquire "$lock")
  REDLOCK_TOKEN=$token extend "$lock"
  [ "$status" -eq 0 ]
  extend "$lock" - <<< "$token"
  [ "$status" -eq 0 ]
  extend "$lock" - <<< ''
  [ "$status" -eq 64 ]
  REDLOCK_TOKEN=wrong extend "$lock" "$token"
  [ "$status" -eq 0 ]
  release "$lock" - < <(printf %s "$token")
  [ "$status" -eq 0 ]
  nothing_left_of "$lock"
}

@test "what is not ours is left alone, and said in one line: truncated, another's, never held, expired" {
  local token=$("$REDLOCK" acquire "$lock") other=$("$REDLOCK" acquire "$lock other")
  for wrong in "${token%?}" "${token:1}" "$other" x "$(printf '0%.0s' {1..40})"; do
    for what in extend release; do
      "$what" "$lock" "$wrong"
      [ "$status" -eq 1 ]
      one_line
      [[ $stderr == *"is held by"* ]]
      [[ $stderr != *"$token"* ]]
    done
  done
  (($(nodes_with "$lock" "$token") >= 3))
  for what in extend release; do
    "$what" 'never held' "$token"
    [ "$status" -eq 1 ]
    one_line
    [[ $stderr == *"nobody holds it"* ]]
  done
  release "$lock" "$token"
  [ "$status" -eq 0 ]
  release "$lock" "$token"
  [ "$status" -eq 1 ]
  extend "$lock" "$token"
  [ "$status" -eq 1 ]
  [[ $stderr == *"it has been released"* ]]
  release "$lock other" "$other"
  token=$("$REDLOCK" acquire --ttl 200ms "$lock")
  wait_until 10 nothing_left_of "$lock"
  extend "$lock" "$token"
  [ "$status" -eq 1 ]
  [[ $stderr == *"expired"* ]]
  nothing_left_of "$lock"
}

@test "no token, an empty one and one that is far too long are usage errors" {
  for what in extend release; do
    for token in '' "$(printf 'x%.0s' {1..513})"; do
      "$what" "$lock" "$token"
      [ "$status" -eq 64 ]
      one_line
    done
    unset REDLOCK_TOKEN
    "$what" "$lock"
    [ "$status" -eq 64 ]
    [[ $stderr == *"no token"* ]]
    "$what"
    [ "$status" -eq 64 ]
  done
}

@test "a name may begin with a dash behind --" {
  local token=$("$REDLOCK" acquire -- -dash)
  (($(nodes_with -dash "$token") >= 3))
  acquire -dash
  [ "$status" -eq 64 ]
  release -- -dash "$token"
  [ "$status" -eq 0 ]
}

@test "a minority of nodes that is down does not matter; with a majority down nobody can tell" {
  start_nodes 5
  local token=$("$REDLOCK" acquire "$lock")
  kill_node 1 2
  extend "$lock" "$token"
  [ "$status" -eq 0 ]
  freeze_node 3
  for what in extend release; do
    "$what" --node-timeout 3s "$lock" "$token"
    [ "$status" -eq 69 ]
    [ "$(grep -c 'connection refused' <<< "$stderr")" -eq 2 ]
    [ "$(grep -c 'timed out' <<< "$stderr")" -eq 1 ]
  done
  thaw_node 3
  stop_nodes
}

# acquired_apart LOCK: where a vote was late it may not be the fence's node that says the fence. Sets $token.
acquired_apart() {
  token=$("$REDLOCK" acquire --ttl 60s "$1") || return 1
  [[ -z $(on_all_nodes HGET "redlock.info:$1" fence | tr -d '\n') ]] || return 0
  "$REDLOCK" release "$1" "$token"
  return 1
}

@test "where the nodes' counters are apart a lock by hand is extended although one node hangs, whichever it is" {
  start_nodes 5
  local ahead hung node name token
  for ahead in '1 2' '4 5'; do
    for hung in 1 3 5; do
      name=$lock.${ahead// /}.$hung
      # A contender whose clock was an hour fast has been here.
      for node in $ahead; do redis_cli "$node" SET "redlock.fence:$name" "$(($(date +%s) + 3600))000000"; done
      wait_until 20 acquired_apart "$name"
      freeze_node "$hung"
      extend --ttl 60s "$name" "$token"
      thaw_node "$hung"
      [ "$status" -eq 0 ]
    done
  done
  stop_nodes
}

# extended_onto NODE TOKEN. An extension waits for the last nodes no longer than the quorum took: one that is late is left
# to the next extension.
extended_onto() {
  extend --ttl 60s "$lock" "$2"
  [[ $status -eq 0 && $(redis_cli "$1" GET "$lock") == "$2" ]]
}

@test "a lock by hand outlives the restart of each node in turn, and is not brought back when it is wholly lost" {
  start_nodes 3
  local token=$("$REDLOCK" acquire --ttl 60s "$lock") node
  for node in 1 2 3; do
    restart_node "$node"
    extend --ttl 60s "$lock" "$token"
    [ "$status" -eq 0 ]
    wait_until 10 extended_onto "$node" "$token"
  done
  on_all_nodes FLUSHALL
  extend "$lock" "$token"
  [ "$status" -eq 1 ]
  [ "$(nodes_holding "$lock")" -eq 0 ]
  stop_nodes
}

@test "a signal between the grant and the token leaves nothing behind" {
  # Nobody reads the pipe, which is full: the token cannot go out.
  /usr/bin/python3 - "$REDLOCK" "$lock" <<'PYTHON'
import os, signal, subprocess, sys, time
reader, writer = os.pipe()
os.set_blocking(writer, False)
try:
    while True:
        os.write(writer, b"x")
except BlockingIOError:
    pass
os.set_blocking(writer, True)
child = subprocess.Popen([sys.argv[1], "acquire", "-v", sys.argv[2]], stdout=writer, stderr=subprocess.PIPE, text=True)
for line in child.stderr:
    if "acquired" in line:
        break
child.send_signal(signal.SIGTERM)
assert child.wait(20) == -signal.SIGTERM, child.returncode
PYTHON
  nothing_left_of "$lock"
}
