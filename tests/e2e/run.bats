#!/usr/bin/env bats
# `redlock run` on five healthy nodes.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  start_nodes 5
}
teardown_file() { stop_nodes; }
setup() { redlock_setup; }
teardown() { redlock_teardown; }

# --- who runs --------------------------------------------------------------------------------------------------------

@test "of ten contenders that do not wait exactly one runs, and nine exit 75" {
  local pids=() winners=0 losers=0 pid
  for i in {1..10}; do
    start_redlock "$i" run -n "$lock" -- sh -c "echo \$PPID >> '$marks/ran'; exec sleep 1000"
    pids+=("$redlock")
  done
  ended() {
    local pid count=0
    for pid in "${pids[@]}"; do ! is_dead "$pid" || ((++count)); done
    ((count >= 9))
  }
  wait_until 30 ended
  wait_until 20 has_lines 1 "$marks/ran"
  for pid in "${pids[@]}"; do
    if is_alive "$pid"; then
      ((++winners))
      kill -TERM "$pid"
      finish "$pid"
      [ "$status" -eq 143 ]
    else
      finish "$pid"
      [ "$status" -eq 75 ]
      ((++losers))
    fi
  done
  [ "$winners $losers" = "1 9" ]
  [ "$(wc -l < "$marks/ran")" -eq 1 ]
  nothing_left_of "$lock"
}

@test "ten that wait run one after another" {
  local pids=()
  for i in {1..10}; do
    start_redlock "$i" run --retry-delay 5ms "$lock" -- \
      bash -c 'mkdir "$0/inside" || exit 9; echo >> "$0/ran"; rmdir "$0/inside"' "$marks"
    pids+=("$redlock")
  done
  for pid in "${pids[@]}"; do
    finish "$pid"
    [ "$status" -eq 0 ]
  done
  [ "$(wc -l < "$marks/ran")" -eq 10 ]
}

@test "one that waits says who holds the lock, once, and runs when it is released" {
  start_holder "$lock"
  start_redlock waiter run --retry-delay 20ms "$lock" -- echo ran
  waiter=$redlock
  wait_until 20 has_text 'waiting' "$marks/waiter.err"
  local start=$(microseconds)
  end_holder
  finish "$waiter"
  # Not when the lease would have ended, which is 30 s.
  (($(milliseconds_since "$start") < 15000))
  [ "$status" -eq 0 ]
  [ "$(< "$marks/waiter.out")" = ran ]
  has_text "held by .*(pid $holder, sh)" "$marks/waiter.err"
  [ "$(grep -c 'held by' "$marks/waiter.err")" -eq 1 ]
}

@test "with -w the wait ends in time, with 75" {
  start_holder "$lock"
  local start=$(microseconds)
  try_run -w 300ms --retry-delay 50ms "$lock" -- touch "$marks/ran"
  local took=$(milliseconds_since "$start")
  echo "# gave up after $took ms of 300 ms" >&3
  [ "$status" -eq 75 ]
  ((took >= 300 && took < 20000))
  [ ! -e "$marks/ran" ]

  try_run -w 0 "$lock" -- touch "$marks/ran"
  [ "$status" -eq 75 ]
  try_run --retry-count 2 --retry-delay 5ms "$lock" -- touch "$marks/ran"
  [ "$status" -eq 75 ]
  [ ! -e "$marks/ran" ]
  end_holder
}

@test "-E names another status for a held lock, from 0 to 255" {
  start_holder "$lock"
  for code in 0 1 42 255; do
    try_run -n -E "$code" "$lock" -- touch "$marks/ran"
    [ "$status" -eq "$code" ]
  done
  [ ! -e "$marks/ran" ]
  end_holder
}

@test "-E changes no other status" {
  try_run -n -E 42 "$lock" -- sh -c 'exit 75'
  [ "$status" -eq 75 ]
  try_run -n -E 42 "$lock" -- no-such-command
  [ "$status" -eq 127 ]
}

@test "the validity of a short lease is told with two digits" {
  try_run -v --ttl 9s "$lock" -- true
  [[ $stderr =~ valid\ for\ [1-8]\.[0-9]s ]]
}

@test "-q says nothing about a held lock, and -v tells votes and times" {
  start_holder "$lock"
  try_run -q -n "$lock" -- true
  [ "$status" -eq 75 ]
  [ -z "$output$stderr" ]
  try_run -n "$lock" -- true
  [[ $stderr == "redlock: lock '$lock' is held by "* ]]
  end_holder
  try_run -v "$lock" -- true
  [[ $stderr == *"votes"*"fence"* ]]
  [ -z "$output" ]
}

@test "different locks, and different prefixes, do not exclude each other" {
  start_holder "$lock"
  try_run -n "$lock " -- true
  [ "$status" -eq 0 ]
  try_run -n --key-prefix other: "$lock" -- true
  [ "$status" -eq 0 ]
  try_run -n --key-prefix "${lock:0:2}" "${lock:2}" -- true
  [ "$status" -eq 75 ]
  end_holder
}

@test "without /proc redlock exits with 71 and asks no node" {
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "the sanitizer needs /proc"
  unshare --mount true 2> /dev/null || skip "no right to make a mount namespace"
  local before=$(redis_cli 1 INFO commandstats | grep cmdstat_eval)
  try unshare --mount bash -c 'mount -t tmpfs none /proc && exec "$@"' - "$REDLOCK" run "$lock" -- touch "$marks/ran"
  [ "$status" -eq 71 ]
  [[ $stderr == "redlock: cannot run a command: /proc"*"mount -t proc"* ]]
  [ ! -e "$marks/ran" ]
  [ "$(redis_cli 1 EXISTS "redlock.fence:$lock")" -eq 0 ]
  [ "$(redis_cli 1 INFO commandstats | grep cmdstat_eval)" = "$before" ]
}

# --- how it ends -----------------------------------------------------------------------------------------------------

@test "redlock exits as the command did and leaves nothing but the fence on any node" {
  for code in 0 1 64 69 75 77 78 79 126 127 128 255; do
    try_run "$lock" -- sh -c "exit $code"
    [ "$status" -eq "$code" ]
    [ -z "$output$stderr" ]
    nothing_left_of "$lock"
  done
}

@test "redlock exits with 128+N when signal N killed the command" {
  for signal in HUP INT KILL TERM SEGV; do
    try_run "$lock" -- bash -c "kill -$signal \$\$"
    [ "$status" -eq $((128 + $(kill -l $signal))) ]
  done
  nothing_left_of "$lock"
}

@test "a command that is not found is 127, one that cannot be executed 126, and the lock is released" {
  try_run "$lock" -- no-such-command
  [ "$status" -eq 127 ]
  [[ $stderr == "redlock: 'no-such-command': command not found"* ]]
  nothing_left_of "$lock"
  try_run "$lock" -- "$BATS_TEST_TMPDIR"
  [ "$status" -eq 126 ]
  nothing_left_of "$lock"
}

# --- what the command sees -------------------------------------------------------------------------------------------

@test "the command gets name, token and fence, and for the rest the environment of redlock" {
  try_run "$lock" -- sh -c 'echo "$REDLOCK_NAME"; echo "$REDLOCK_TOKEN"; echo "$REDLOCK_FENCE"'
  [ "${lines[0]}" = "$lock" ]
  [[ ${lines[1]} =~ ^[0-9a-f]{40}$ ]]
  [[ ${lines[2]} =~ ^[1-9][0-9]{15}$ ]]

  # "_" names the program that a shell started.
  env | grep -v ^_= | sort > "$BATS_TEST_TMPDIR/outside"
  "$REDLOCK" run "$lock" -- env | grep -v ^_= | sort > "$BATS_TEST_TMPDIR/inside"
  run comm -13 "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/inside"
  [ "$(printf '%s\n' "${lines[@]%%=*}" | xargs)" = "REDLOCK_FENCE REDLOCK_HELD REDLOCK_NAME REDLOCK_TOKEN" ]
  [ -z "$(comm -23 "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/inside")" ]
}

@test "the token is what a quorum of nodes has under the lock's name, with its TTL" {
  start_redlock one run --ttl 60 "$lock" -- sh -c "echo \$REDLOCK_TOKEN; touch '$marks/held'; exec sleep 1000"
  wait_until 20 test -e "$marks/held"
  local token=$(< "$marks/one.out")
  (($(nodes_with "$lock" "$token") >= 3))
  for node in 1 2 3 4 5; do
    local ttl=$(redis_cli "$node" PTTL "$lock")
    ((ttl == -2 || ttl > 30000 && ttl <= 60000))
    # What other Redlock libraries do.
    [ -z "$(redis_cli "$node" GET "$lock")" ] || [ -z "$(redis_cli "$node" SET "$lock" other NX PX 1000)" ]
  done
  kill -TERM "$redlock"
  finish "$redlock"
}

@test "a run within a run has its own name, token and fence" {
  try_run outer -- sh -c 'echo $REDLOCK_NAME $REDLOCK_TOKEN $REDLOCK_FENCE
    "$REDLOCK" run inner -- sh -c "echo \$REDLOCK_NAME \$REDLOCK_TOKEN \$REDLOCK_FENCE; env | grep -c ^REDLOCK_TOKEN="'
  read -r name token fence <<< "${lines[0]}"
  read -r inner_name inner_token inner_fence <<< "${lines[1]}"
  [ "$name $inner_name" = "outer inner" ]
  [ "$token" != "$inner_token" ]
  [ "$fence" != "$inner_fence" ]
  [ "${lines[2]}" -eq 1 ]
}

@test "standard input goes to the command, all of it" {
  head -c 30000000 /dev/urandom > "$BATS_TEST_TMPDIR/big"
  local sum=$(sha256sum < "$BATS_TEST_TMPDIR/big")
  [ "$(cat "$BATS_TEST_TMPDIR/big" | "$REDLOCK" run "$lock" -- sha256sum)" = "$sum" ]
  [ "$("$REDLOCK" run "$lock" -- sha256sum < "$BATS_TEST_TMPDIR/big")" = "$sum" ]
  [ "$("$REDLOCK" run "$lock" -- cat "$BATS_TEST_TMPDIR/big" | sha256sum)" = "$sum" ]
}

@test "what the command leaves unread of standard input is left for the next" {
  run bash -c 'printf "one\ntwo\n" > "$0/in"; { "$REDLOCK" run "$1" -- true; cat; } < "$0/in"' "$marks" "$lock"
  [ "$output" = $'one\ntwo' ]
}

@test "standard output and standard error are the command's own" {
  try_run "$lock" -- sh -c 'echo to-out; echo to-err >&2'
  [ "$output" = to-out ]
  [ "$stderr" = to-err ]
  [ "$("$REDLOCK" run "$lock" -- readlink /proc/self/fd/1 2>&1 < /dev/null | tr -d '0-9')" = "pipe:[]" ]
}

@test "arguments reach the command byte for byte" {
  try_run "$lock" -- printf '<%s>' '' ' ' $'a\nb' '*' -- --ttl '$HOME' $'\377'
  [ "$output" = $'<>< ><a\nb><*><--><--ttl><$HOME><\377>' ]
}

@test "the working directory, the umask and the limits are as without redlock" {
  cd "$BATS_TEST_TMPDIR"
  umask 027
  try_run "$lock" -- sh -c 'pwd -P; umask; ulimit -n; ulimit -c'
  [ "$output" = "$(sh -c 'pwd -P; umask; ulimit -n; ulimit -c')" ]
}

@test "the command has the descriptors that redlock was given, and no others" {
  ls /proc/self/fd > "$BATS_TEST_TMPDIR/outside" 7< /dev/null
  "$REDLOCK" run "$lock" -- ls /proc/self/fd > "$BATS_TEST_TMPDIR/inside" 7< /dev/null
  diff "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/inside"
}

@test "descriptors 0, 1 and 2 that were closed are closed in the command too" {
  for closed in '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
    run bash -c "exec 9> '$marks/fds'; '$REDLOCK' run '$lock' -- bash -c '
      for fd in 0 1 2; do [ ! -e /proc/\$\$/fd/\$fd ] || echo \$fd; done >&9' $closed"
    [ "$status" -eq 0 ]
    [ "$(cat "$marks/fds")" = "$(bash -c "bash -c 'for fd in 0 1 2; do [ ! -e /proc/\$\$/fd/\$fd ] || echo \$fd; done >&9' \
      9> '$marks/plain' $closed"; cat "$marks/plain")" ]
  done
  nothing_left_of "$lock"
}

@test "a reader that goes away ends the command, not redlock's care for the lock" {
  run bash -c '"$REDLOCK" run "$1" -- yes | head -n 1; echo "${PIPESTATUS[0]}"' - "$lock"
  [ "${lines[0]}" = y ]
  [ "${lines[1]}" -eq 141 ]
  nothing_left_of "$lock"
}

@test "with standard error closed or its reader gone, the statuses are the same" {
  start_holder "$lock"
  run bash -c '"$REDLOCK" run -n "$1" -- true 2>&-' - "$lock"
  [ "$status" -eq 75 ]
  run bash -c '{ "$REDLOCK" run -n "$1" -- true; echo $? > "$2/status"; } 2>&1 >/dev/null | exec true' - "$lock" "$marks"
  wait_until 10 has_lines 1 "$marks/status"
  [ "$(< "$marks/status")" -eq 75 ]
  end_holder
}

# --- signals ---------------------------------------------------------------------------------------------------------

@test "a signal that comes while redlock waits ends it by that signal, with no key left on any node" {
  start_holder "$lock"
  for signal in TERM INT HUP QUIT; do
    launch "$signal" "$REDLOCK" run --retry-delay 5ms "$lock" -- touch "$marks/ran"
    wait_until 20 has_text waiting "$marks/$signal.err"
    local start=$(microseconds)
    kill -"$signal" "$launched"
    [ "$(ending_of "$signal")" = "signalled $(kill -l $signal)" ]
    echo "# $signal: ended after $(milliseconds_since "$start") ms" >&3
  done
  [ ! -e "$marks/ran" ]
  end_holder
  nothing_left_of "$lock"
}

@test "a signal at any moment of the start leaves no key, and no command" {
  # From before the first request to well after the grant; the exact moments are left to chance.
  for delay in 0.000 0.001 0.002 0.003 0.004 0.006 0.008 0.010 0.015 0.020 0.030; do
    start_redlock "early$delay" run "$lock" -- sh -c "echo \$\$ >> '$marks/pids'; exec sleep 1000"
    # The shell that is to become redlock would run the traps of this one.
    while [[ /proc/$redlock/exe -ef /proc/$BASHPID/exe ]]; do :; done
    read -rt "$delay" <> <(:) || :
    kill -TERM "$redlock"
    finish "$redlock"
    [ "$status" -eq 143 ]
    nothing_left_of "$lock"
  done
  local pid
  while read -r pid; do is_dead "$pid"; done < <(cat "$marks/pids" 2> /dev/null)
}

@test "signals reach the command, and the lock is kept until it has ended" {
  launch one "$REDLOCK" run --ttl 10s "$lock" -- bash -c "
    for s in TERM INT HUP USR1 USR2 QUIT; do trap \"echo \$s\" \$s; done
    trap 'exit 7' WINCH
    touch '$marks/ready'; while :; do sleep 0.01; done"
  wait_until 20 test -e "$marks/ready"
  for signal in TERM HUP INT QUIT USR1 USR2 TERM; do
    local before=$(wc -l < "$marks/one.out")
    kill -"$signal" "$launched"
    wait_until 20 has_lines $((before + 1)) "$marks/one.out"
  done
  [ "$(tr '\n' ' ' < "$marks/one.out")" = "TERM HUP INT QUIT USR1 USR2 TERM " ]
  (($(nodes_holding "$lock") >= 3))
  kill -WINCH "$launched"
  [ "$(ending_of one)" = "exited 7" ]
  nothing_left_of "$lock"
}

@test "a command that is cancelled is gone, with all that it started, before the next one runs" {
  cat > "$marks/work" <<'SCRIPT'
#!/bin/bash
trap '' TERM
while :; do
  touch "$1/beat"
  read -rt 0.01 <> <(:) || :
done
SCRIPT
  start_redlock first run -k 300ms "$lock" -- bash -c 'setsid bash "$0/work" "$0" & exec sleep 1000' "$marks"
  wait_until 20 test -e "$marks/beat"
  local first=$redlock
  start_redlock second run "$lock" -- touch "$marks/second"
  wait_until 20 has_text 'is held by' "$marks/second.err"
  kill -TERM "$first"
  finish "$first"
  [ "$status" -eq 143 ]
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ ! "$marks/second" -ot "$marks/beat" ]
}

@test "--release-when all holds the lock for what the command leaves running; a setting like any other" {
  local leave='echo $$ > "$0/left"; (setsid sh -c "until [ -e \"\$0/go\" ]; do sleep 0.02; done" "$0" &); exit 3'
  printf '[lock."%s"]\nrelease_when = "all"\n' "$lock" > "$marks/config.toml"
  local all=(--release-when all) how before
  is_extended() {
    local left=$(redis_cli 1 PTTL "$lock") last=$before
    before=$left
    ((left > last))
  }
  for how in flag environment file; do
    rm -f "$marks/left" "$marks/go"
    case $how in
      flag) start_redlock "$how" run --ttl 6s "${all[@]}" "$lock" -- sh -c "$leave" "$marks" ;;
      environment) REDLOCK_RELEASE_WHEN=all start_redlock "$how" run --ttl 6s "$lock" -- sh -c "$leave" "$marks" ;;
      file) start_redlock "$how" run -c "$marks/config.toml" --ttl 6s "$lock" -- sh -c "$leave" "$marks" ;;
    esac
    wait_until 20 test -s "$marks/left"
    wait_until 20 is_dead "$(< "$marks/left")"
    # Not only for the rest of a lease: it is extended.
    before=$(redis_cli 1 PTTL "$lock")
    wait_until 20 is_extended
    try_run -n "$lock" -- true
    [ "$status" -eq 75 ]
    touch "$marks/go"
    finish "$redlock"
    [ "$status" -eq 3 ]
    nothing_left_of "$lock"
  done
}

# --- the lease -------------------------------------------------------------------------------------------------------

@test "a command that takes several leases keeps the lock all the time" {
  start_redlock one run --ttl 4s "$lock" -- sh -c "touch '$marks/held'; exec sleep 13"
  wait_until 20 test -e "$marks/held"
  local refused=0
  while is_alive "$redlock"; do
    try_run -n "$lock" -- echo ran
    [ "$status" -eq 75 ] || break
    ((++refused))
  done
  finish "$redlock"
  [ "$status" -eq 0 ]
  ((refused >= 10))
}

@test "the fence grows from run to run" {
  local last=0
  for i in {1..10}; do
    try_run "$lock" -- sh -c 'echo "$REDLOCK_FENCE"'
    ((output > last))
    last=$output
  done
}

@test "counters that disagree: the fence is above those of a quorum, and a quorum has it afterwards" {
  local base=$(($(microseconds) + 3600000000)) node count
  for round in 1 2 3; do
    # All different, and ahead of the clock: whichever three nodes vote, they disagree.
    for node in 1 2 3 4 5; do
      redis_cli "$node" SET "redlock.fence:$lock" $((base + 1000 * ((node + round) % 5 + 1))) > /dev/null
    done
    try_run "$lock" -- sh -c 'echo "$REDLOCK_FENCE"'
    [ "$status" -eq 0 ]
    ((output > base + 3000))
    (($(nodes_with "redlock.fence:$lock" "$output") >= 3))
    base=$((output + 1000000))
  done
}

@test "the fence's counter outlives the lock by weeks" {
  try_run "$lock" -- true
  local lasting=0 node
  for node in 1 2 3 4 5; do
    (($(redis_cli "$node" TTL "redlock.fence:$lock") <= 29 * 86400)) || ((++lasting))
  done
  ((lasting >= 3))
}

# --- other programs on the same key ----------------------------------------------------------------------------------

@test "a lock of another Redlock library excludes us, and is not touched" {
  for node in 1 3 5; do redis_cli "$node" SET "$lock" foreign PX 60000 > /dev/null; done
  try_run -n "$lock" -- touch "$marks/ran"
  [ "$status" -eq 75 ]
  [ ! -e "$marks/ran" ]
  [[ $stderr == *"held by another program"* ]]
  [ "$(nodes_with "$lock" foreign)" -eq 3 ]
  nothing_left_of "$lock" 2 4
  on_all_nodes DEL "$lock"
}

@test "a minority of another's keys neither stops us nor is deleted by us" {
  for node in 2 4; do redis_cli "$node" SET "$lock" foreign PX 60000 > /dev/null; done
  try_run "$lock" -- echo ran
  [ "$status" -eq 0 ]
  [ "$(nodes_with "$lock" foreign)" -eq 2 ]
  nothing_left_of "$lock" 1 3 5
  on_all_nodes DEL "$lock"
}

@test "a foreign key without a TTL is said to be one" {
  for node in 1 2 3 4 5; do redis_cli "$node" SET "$lock" foreign > /dev/null; done
  try_run -n "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"no TTL"* ]]
  on_all_nodes DEL "$lock"
}

@test "a key of another type is a node's error, not a lock and not a crash" {
  for node in 1 2 3 4 5; do redis_cli "$node" LPUSH "$lock" x > /dev/null; done
  try_run -n "$lock" -- touch "$marks/ran"
  [ "$status" -eq 69 ]
  [[ $stderr == *WRONGTYPE* ]]
  [ ! -e "$marks/ran" ]
  on_all_nodes DEL "$lock"
}

@test "a lock's name may hold blanks, line ends, quotes, braces, UTF-8 and any other byte" {
  for name in 'two words' $'two\nlines' "it's \"quoted\"" '{tag}' 'größe 錠' $'\377\001' '*' '%n%s{}' "$(printf 'x%.0s' {1..512})"; do
    try_run "$name" -- sh -c 'printf %s "$REDLOCK_NAME"; "$REDLOCK" run -n "$REDLOCK_NAME" -- true; echo " $?"'
    [ "$status" -eq 0 ]
    [ "$output" = "$name 75" ]
    # What is shown of it stays on one line and moves no cursor.
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    [[ $stderr != *[$'\001\033']* ]]
    nothing_left_of "$name"
  done
}

# --- what it costs ---------------------------------------------------------------------------------------------------

@test "a run needs at most 8 MB of memory" {
  ! grep -q __asan_init "$REDLOCK" && ! grep -q __tsan_init "$REDLOCK" || skip "a sanitizer needs more"
  start_holder "$lock"
  local peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$holder/status")
  echo "# peak: $peak kB" >&3
  end_holder
  ((peak <= 8192))
}

@test "after all of this there are no keys on any node but the counters of fences" {
  only_fences_left
}

@test "too low a limit of open files is 71 at once, says what to do, and leaves nothing on the nodes" {
  local limit
  for limit in 8 11 14 17 20; do
    try bash -c 'ulimit -n "$1"; shift; exec "$@"' - $limit "$REDLOCK" run "$lock" -- true
    [ "$status" -eq 71 ]
    [[ $stderr == *"ulimit -n"* ]]
    nothing_left_of "$lock"
  done
  try bash -c 'ulimit -n 64; exec "$@"' - "$REDLOCK" run "$lock" -- true
  [ "$status" -eq 0 ]
}
