#!/usr/bin/env bats
# The command never outlives its lock (DESIGN section 4), on real nodes: what process.bats shows without Redis, and what
# needs another client to be seen. REDLOCK_REPEAT=50 for a long run of the test that luck takes part in.

load lib/redlock.bash

setup_file() { isolate; }
setup() {
  redlock_setup
  pid_file=$marks/pids
  write_stubborn_tree
}
teardown() {
  local pid
  unfreeze
  while read -r pid; do kill -KILL "$pid" 2> /dev/null || :; done < <(cat "$pid_file" 2> /dev/null)
  redlock_teardown
  stop_nodes
}

# Starts a tree of four that ignores TERM, under $lock; their pids in $tree.
start_stubborn() {
  start_redlock stubborn run "$@" "$lock" -- "$BATS_TEST_TMPDIR/stubborn" "$pid_file"
  wait_until 20 has_lines 4 "$pid_file"
  mapfile -t tree < "$pid_file"
  wait_until 10 eval '(($(nodes_holding "$lock") == 5))'
  guard=$(pgrep -o -P "$redlock")
  guard=${guard//[[:space:]]/}
}

# --- the main promise ------------------------------------------------------------------------------------------------

# Ignores TERM, and writes down the time every millisecond.
write_clock_watcher() {
  cat > "$BATS_TEST_TMPDIR/watch-clock" <<'SCRIPT'
#!/bin/bash
trap '' TERM
exec 9<> <(:)
touch "$1"
while :; do
  echo "${EPOCHREALTIME/./}"
  read -rt 0.001 -u 9
done
SCRIPT
  # The second client. Prints the time before which its fence was not proposed, then when each node that has its key
  # set it, by the clock and the TTL that the node itself has.
  cat > "$BATS_TEST_TMPDIR/tell-grant" <<'SCRIPT'
#!/bin/bash
echo "$REDLOCK_FENCE"
for url in $REDLOCK_NODES; do
  redis-cli -h "$nodes_address" -p "${url##*:}" EVAL "
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return end
    local now = redis.call('TIME')
    local milliseconds = now[1] * 1000 + math.floor(now[2] / 1000)
    return string.format('%.0f', (milliseconds - (ARGV[2] - redis.call('PTTL', KEYS[1]))) * 1000)" \
    1 "$REDLOCK_NAME" "$REDLOCK_TOKEN" "$1"
done
SCRIPT
  chmod +x "$BATS_TEST_TMPDIR"/{watch-clock,tell-grant}
}

# The processors that this shell may use.
processors() { /usr/bin/python3 -c 'import os; print(*os.sched_getaffinity(0), sep=",")'; }
# From now on this shell and all that it starts use those given alone. A processor of a virtual machine may stand still: then the
# guard does, and no command must run on.
use_processors() { taskset -cp "$1" "$BASHPID" > /dev/null; }

# Five locks at once share the nodes and their trouble.
one_round() {
  local i first=() second=() frozen start pause all=$(processors)
  rm -f "$marks"/*
  for i in 1 2 3 4 5; do
    use_processors "${all%%,*}"
    start_redlock "first$i" run -v --ttl 3s "$lock $i" -- nice -n 19 "$BATS_TEST_TMPDIR/watch-clock" "$marks/held$i"
    use_processors "$all"
    all=${all#*,},${all%%,*}
    first+=("$redlock")
  done
  for i in 1 2 3 4 5; do wait_until 20 test -e "$marks/held$i"; done
  mapfile -t frozen < <(shuf -e -n 3 1 2 3 4 5)
  # At any point between two extensions.
  read -rt "0.$((RANDOM % 10))$((RANDOM % 10))" <> <(:) || :
  freeze_node "${frozen[@]}"
  start=$(microseconds)
  for i in 1 2 3 4 5; do
    start_redlock "second$i" run -v --ttl 9s --retry-delay 10ms -w 60s "$lock $i" -- "$BATS_TEST_TMPDIR/tell-grant" 9000
    second+=("$redlock")
  done
  # By 2 s the stop has begun, since TERM is due a third of the ttl before the end; by 3.5 s the lease is over.
  pause=$((2050 + RANDOM % 1500))
  wait_until 10 eval '(($(milliseconds_since "$start") >= pause))'
  thaw_node "${frozen[@]}"
  for i in 1 2 3 4 5; do
    finish "${first[i - 1]}"
    [ "$status" -eq 79 ]
    finish "${second[i - 1]}"
    [ "$status" -eq 0 ]
    local last grant fence
    last=$(grep -x '[0-9]\{16\}' "$marks/first$i.out" | tail -n 1)
    # With the third node it was a grant, and no grant comes before its request: a fence is the time of that, unless a
    # counter is ahead of the clock.
    grant=$(tail -n +2 "$marks/second$i.out" | grep -x '[0-9]\{16\}' | sort -n | sed -n 3p)
    read -r fence < "$marks/second$i.out"
    ((grant >= fence)) || grant=$fence
    echo "$(((grant - last) / 1000))" >> "$BATS_TEST_TMPDIR/distances"
    ((last < grant))
  done
}

@test "three of five silent nodes, and a command that ignores TERM: its last write comes before the next grant" {
  start_nodes 5
  write_clock_watcher
  local done=0
  while ((done < ${REDLOCK_REPEAT:-5})); do
    one_round
    ((done += 5))
  done
  sort -n "$BATS_TEST_TMPDIR/distances" | awk '{ all[NR] = $1 } END {
    printf "# %d times; from the last write to the next grant: least %d ms, median %d ms, most %d ms\n",
      NR, all[1], all[int((NR + 1) / 2)], all[NR] }' >&3
}

# --- redlock or the guard is killed or stopped -----------------------------------------------------------------------

@test "kill -9 of redlock: the whole tree is dead within 250 ms, and the lock ends by itself" {
  start_nodes 5
  start_stubborn --ttl 10s
  local start=$(microseconds)
  kill -KILL "$redlock"
  wait_until 10 all_dead "${tree[@]}" "$guard"
  local took=$(milliseconds_since "$start")
  echo "# all dead after $took ms" >&3
  ((took < ${REDLOCK_TEST_KILL_LIMIT_MS:-1000}))
  # Nobody is there to extend it or to give it back.
  try_run -w 40s --retry-delay 20ms "$lock" -- echo ran
  [ "$output" = ran ]
  echo "# granted to the next after $(milliseconds_since "$start") ms, with a ttl of 10 s" >&3
}

@test "kill -9 of the guard: the whole tree is dead within 250 ms, and the lock is released" {
  start_nodes 5
  start_stubborn --ttl 60s
  local start=$(microseconds)
  kill -KILL "$guard"
  wait_until 10 all_dead "${tree[@]}"
  local took=$(milliseconds_since "$start")
  echo "# all dead after $took ms" >&3
  ((took < ${REDLOCK_TEST_KILL_LIMIT_MS:-1000}))
  finish "$redlock"
  [ "$status" -eq 71 ]
  has_text 'the guard process' "$marks/stubborn.err"
  nothing_left_of "$lock"
}

@test "redlock stopped beyond the TTL: the tree is dead before the next grant, and then redlock exits with 79 and leaves the other's key" {
  start_nodes 5
  local all=$(processors)
  use_processors "${all%%,*}"
  start_stubborn --ttl 4s
  kill -STOP "$redlock"
  start_redlock second run --retry-delay 5ms "$lock" -- \
    bash -c 'for pid; do [[ $(ps -o s= -p "$pid") != [^Z]* ]] || echo "$pid lives"; done; echo "$REDLOCK_TOKEN" > "$0/second"; exec sleep 1000' \
    "$marks" "${tree[@]}"
  second=$redlock
  redlock=${started[0]}
  wait_until 20 has_lines 1 "$marks/second"
  [ ! -s "$marks/second.out" ]
  is_stopped "$redlock"
  local theirs=$(< "$marks/second")  # not what some node has: that may be the one without its vote
  kill -CONT "$redlock"
  finish "$redlock"
  [ "$status" -eq 79 ]
  # It says why, and blames no node.
  [ "$(grep -c "was lost: redlock itself did not run in time" "$marks/stubborn.err")" -eq 1 ]
  [[ $(< "$marks/stubborn.err") != *'no quorum'* ]]
  is_alive "$second"
  (($(nodes_holding "$lock") >= 3))
  (($(nodes_with "$lock" "$theirs") >= 3))
  kill -TERM "$second"
  finish "$second"
  [ "$status" -eq 143 ]
  nothing_left_of "$lock"
}

@test "redlock stopped for less than the lease goes on as if nothing had happened" {
  start_nodes 5
  start_redlock one run --ttl 30s "$lock" -- sh -c "touch '$marks/held'; while [ ! -e '$marks/go' ]; do sleep 0.02; done"
  wait_until 20 test -e "$marks/held"
  kill -STOP "$redlock"
  wait_until 10 is_stopped "$redlock"
  kill -CONT "$redlock"
  touch "$marks/go"
  finish "$redlock"
  [ "$status" -eq 0 ]
  nothing_left_of "$lock"
}

@test "the guard frozen: redlock stops the tree before the lease ends, and releases" {
  start_nodes 5
  start_stubborn --ttl 6s
  freeze "$guard"
  # Not just after an extension, so that a stop that comes late is in time all the same.
  wait_until 20 lease_is_between "$lock" 4200 5000
  kill_node 1 2 3
  local killed=$(microseconds)
  wait_until 10 all_dead "${tree[@]}"
  local took=$(milliseconds_since "$killed")
  echo "# all dead $took ms after the nodes, with a ttl of 6000 ms" >&3
  ((took < 6000))
  finish "$redlock"
  [ "$status" -eq 79 ]
  has_text "was lost: no quorum of nodes has extended it in time" "$marks/stubborn.err"
  nothing_left_of "$lock" 4 5
}

@test "redlock executes nothing if the lease ended between the grant and the start" {
  # The grant is good for ttl, and redlock is stopped right after it came: the nodes say when.
  start_nodes 5
  local i shown=0
  for ((i = 1; shown < 5; ++i)); do
    start_redlock "one$i" run -n --ttl 300ms "$lock $i" -- sh -c "touch '$marks/ran$i'; exec sleep 1000"
    until (($(redis_cli 1 EXISTS "$lock $i") == 1)) || is_dead "$redlock"; do :; done
    kill -STOP "$redlock" 2> /dev/null || :
    wait_until 10 nothing_left_of "$lock $i"
    kill -CONT "$redlock" 2> /dev/null || :
    finish "$redlock"
    wait_until 10 nothing_left_of "$lock $i"
    # Too slow to be granted the lock, or stopped before it had read the grant.
    if [[ $status -eq 69 && ! -e $marks/ran$i && $i -lt 50 ]]; then continue; fi
    # Before the stop or not at all; in the first case the guard ended it.
    [ "$status" -eq 79 ]
    shown=$((shown + 1))
  done
}

# --- what is left behind ---------------------------------------------------------------------------------------------

# Starts redlock with the arguments given, and returns when it holds the lock and is about to fork. It goes on when
# $marks/hold/go exists.
start_held_before_fork() {
  needs_preloading
  mkdir "$marks/hold"
  HOLD_FORK=$marks/hold LD_PRELOAD=$helpers_dir/libhold-fork.so start_redlock held "$@"
  wait_until 20 test -e "$marks/hold/held"
}

@test "a signal between the grant and the start leaves no key and no process" {
  start_nodes 5
  start_held_before_fork run --node-timeout 10s "$lock" -- sleep 1000
  wait_until 10 eval '(($(nodes_holding "$lock") == 5))'
  kill -TERM "$redlock"
  touch "$marks/hold/go"
  finish "$redlock"
  [ "$status" -eq 143 ]
  nothing_left_of "$lock"
}

@test "redlock executes nothing if it is held up beyond the lease between the grant and the start" {
  start_nodes 5
  start_held_before_fork run --ttl 300ms "$lock" -- touch "$marks/ran"
  wait_until 10 nothing_left_of "$lock"
  touch "$marks/hold/go"
  finish "$redlock"
  [ "$status" -eq 79 ]
  [ ! -e "$marks/ran" ]
  nothing_left_of "$lock"
}

@test "nodes that are lost between the grant and the start stop the command before the lease ends" {
  start_nodes 5
  start_held_before_fork run --ttl 2s "$lock" -- sleep 1000
  local i
  for i in 1 2 3; do freeze_node "$i"; done
  touch "$marks/hold/go"
  finish "$redlock"
  for i in 1 2 3; do thaw_node "$i"; done
  [ "$status" -eq 79 ]
}

@test "a command that starts a daemon and exits with 0 ends the run, and its daemon lives on without the lock" {
  start_nodes 5
  try_run --node-timeout 10s "$lock" -- bash -c "(setsid sleep 1000 > /dev/null 2>&1 & echo \$! > '$pid_file')"
  [ "$status" -eq 0 ]
  nothing_left_of "$lock"
  is_alive "$(< "$pid_file")"
}

@test "a signal while redlock releases leaves no key" {
  start_nodes 5
  start_redlock one run --ttl 60s --node-timeout 5s "$lock" -- \
    sh -c "touch '$marks/held'; while [ ! -e '$marks/go' ]; do sleep 0.02; done; exit 9"
  wait_until 20 test -e "$marks/held"
  wait_until 10 eval '(($(nodes_holding "$lock") == 5))'
  # With three silent nodes the release has to wait.
  freeze_node 1 2 3
  touch "$marks/go"
  wait_until 10 nothing_left_of "$lock" 4 5
  kill -TERM "$redlock"
  read -rt 0.1 <> <(:) || :
  thaw_node 1 2 3
  finish "$redlock"
  [ "$status" -eq 9 ] || [ "$status" -eq 143 ]
  wait_until 10 nothing_left_of "$lock"
}

@test "nodes that are lost while redlock releases cost no more than node_timeout" {
  start_nodes 5
  start_redlock one run --ttl 60s --node-timeout 2s "$lock" -- \
    sh -c "touch '$marks/held'; while [ ! -e '$marks/go' ]; do sleep 0.02; done; exit 9"
  wait_until 20 test -e "$marks/held"
  freeze_node 1 2 3
  touch "$marks/go"
  wait_until 10 nothing_left_of "$lock" 4 5
  local start=$(microseconds)
  finish "$redlock"
  echo "# ended after $(milliseconds_since "$start") ms" >&3
  [ "$status" -eq 9 ]
  (($(milliseconds_since "$start") < 15000))
  grep -q "warning: lock '$lock' may still be held: no quorum has confirmed its release: 3 of 5 nodes needed; it expires in 1m" \
    "$marks/one.err"
  [ "$(grep -c 'redis:' "$marks/one.err")" -ge 3 ]
  thaw_node 1 2 3
  wait_until 10 nothing_left_of "$lock"
}

@test "a run leaves no process behind, however it ended" {
  start_nodes 5
  # All that comes of this shell is adopted by its subreaper, and so can be counted.
  /usr/bin/python3 - "$REDLOCK" "$lock" > "$marks/left" <<'PYTHON'
import ctypes, os, signal, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
redlock, lock = sys.argv[1:]
for command in (["true"], ["no-such-command"], ["/"], ["sh", "-c", "exit 3"], ["sh", "-c", "kill -9 $$"]):
    subprocess.run([redlock, "run", "--node-timeout", "10s", lock, "--", *command], stderr=subprocess.DEVNULL)
    try:
        left = os.waitpid(-1, os.WNOHANG)
        print(command, "left", left)
    except ChildProcessError:
        pass
PYTHON
  [ ! -s "$marks/left" ]
  nothing_left_of "$lock"
}
