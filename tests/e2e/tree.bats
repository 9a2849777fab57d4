#!/usr/bin/env bats
# The end of everything that the command has started, and what it costs (DESIGN section 4), without Redis.

bats_require_minimum_version 1.5.0
load lib/process.bash

setup() {
  process_setup
  trace=$BATS_TEST_TMPDIR/trace
  crowd=$REDLOCK_HELPERS/crowd
}
teardown() { process_teardown; }

# How many processes of the crowd have been started.
gathered() { [[ -e $trace ]] && (($("$crowd" --ready "$trace") >= $1)); }

# How long before the end of the lease, in microseconds, a process of the crowd wrote for the last time.
last_write_came_before_the_end() {
  local left=$(($(< "$end_file") - $("$crowd" --last "$trace")))
  echo "# the last write came $((left / 1000)) ms before the end" >&3
  ((left > 0))
}

# Nobody writes any more.
is_over() {
  local before
  before=$("$crowd" --last "$trace")
  sleep 0.3 # the length of the observation: three times what the crowd lets pass between two writes
  [ "$("$crowd" --last "$trace")" = "$before" ]
}

# --- where /proc does not show everything ----------------------------------------------------------------------------

@test "in a pid namespace that still shows the outer /proc the whole tree is dead before the lease ends" {
  unshare --pid --fork true 2> /dev/null || skip "no right to make a pid namespace"
  needs_the_processors
  # Not its first process, with which all the others would die.
  unshare --pid --fork --kill-child bash -c '"$@"; echo "status $?"; read -rt 1 <> <(:); :' - "$REDLOCK_LEASH_DRIVER" \
    --report "$report_file" --ttl-ms 4000 --end-file "$end_file" "$crowd" "$trace" 10 20 > "$output_file" 3>&-
  has_text 'status 79' "$output_file"
  [ "$(< "$report_file")" = "stopped 0 lost" ]
  gathered 10
  last_write_came_before_the_end
}

@test "processes that hidepid hides are killed with the rest" {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to mount /proc and become another user"
  unshare --mount mount -t proc -o hidepid=2 proc /proc 2> /dev/null || skip "no right to mount /proc with hidepid"
  needs_the_processors
  local open_to_all
  open_to_all=$(mktemp -d "${TMPDIR:-/tmp}/redlock-e2e-open.XXXXXX")
  trace=$open_to_all/trace
  cp "$REDLOCK_LEASH_DRIVER" "$crowd" "$open_to_all"
  # A program that cannot be read cannot be dumped, and is hidden.
  chmod 111 "$open_to_all/crowd"
  chmod 777 "$open_to_all"
  run unshare --mount bash -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' - \
    setpriv --reuid=64321 --regid=64321 --clear-groups --inh-caps=-all \
    "$open_to_all/leash-driver" --ttl-ms 4000 --end-file "$open_to_all/end" \
    bash -c "$open_to_all/crowd $trace 10 20 & wait"
  end_file=$open_to_all/end
  [ "$status" -eq 79 ]
  gathered 10
  last_write_came_before_the_end
  is_over
  rm -rf "$open_to_all"
}

# start_where MOUNT [COMMAND...]: what the driver does where MOUNT has replaced /proc, started by way of COMMAND.
start_where() {
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "the sanitizer needs /proc"
  unshare --mount true 2> /dev/null || skip "no right to make a mount namespace"
  open_to_all=$(mktemp -d "${TMPDIR:-/tmp}/redlock-e2e-open.XXXXXX")
  cp "$REDLOCK_LEASH_DRIVER" "$open_to_all"
  chmod 777 "$open_to_all"
  run unshare --mount bash -c "$1"' && exec "$@"' - "${@:2}" "$open_to_all/leash-driver" touch "$open_to_all/ran"
  [ "$status" -eq 71 ]
  [ ! -e "$open_to_all/ran" ]
  rm -rf "$open_to_all"
}

@test "without /proc redlock starts no command, exits with 71 and says what to do" {
  start_where 'mount -t tmpfs none /proc'
  [[ $output == *"cannot run a command: /proc"*"cannot be read"*"mount -t proc"*"no such file"* ]]
}

@test "if /proc cannot be read redlock starts no command, exits with 71 and says why" {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to close /proc and become another user"
  start_where 'mount -t tmpfs -o mode=0700 none /proc' setpriv --reuid=64321 --regid=64321 --clear-groups --inh-caps=-all
  [[ $output == *"cannot run a command: /proc"*"cannot be read"*"permission denied"* ]]
}

# A crowd whose parent has taken /proc away from all first: with redlock and the guard, which look for it elsewhere.
start_without_proc() {
  unshare --mount umount -l /proc 2> /dev/null || skip "no right to unmount /proc"
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "the sanitizer needs /proc"
  unshare --mount "$REDLOCK_LEASH_DRIVER" --report "$report_file" "$@" \
    bash -c 'umount -l /proc; "$@" & wait' - "$crowd" "$trace" 10 20 > "$output_file" 2>&1 3>&- &
  driver=$!
  wait_until 10 gathered 10
}

@test "a command that unmounts /proc is stopped with all of its tree" {
  needs_the_processors
  start_without_proc --ttl-ms 4000 --end-file "$end_file"
  finish_driver
  [ "$status" -eq 79 ]
  last_write_came_before_the_end
  is_over
}

@test "a command that unmounts /proc is killed with all of its tree when the guard is" {
  start_without_proc --ttl-ms 60000
  find_guard
  local start=${EPOCHREALTIME/./}
  kill -KILL "$guard"
  finish_driver
  [ "$ending" = "guard-died 0 held" ]
  is_over
  (($(milliseconds_since "$start") < 15000)) # half of what the crowd lives
}

@test "redlock starts no command if the outer /proc of a pid namespace hides processes" {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to mount /proc and become another user"
  unshare --mount mount -t proc -o hidepid=2 proc /proc 2> /dev/null || skip "no right to mount /proc with hidepid"
  local open_to_all
  open_to_all=$(mktemp -d "${TMPDIR:-/tmp}/redlock-e2e-open.XXXXXX")
  cp "$REDLOCK_LEASH_DRIVER" "$open_to_all"
  chmod 777 "$open_to_all"
  run unshare --mount bash -c 'mount -t proc -o hidepid=2 proc /proc && exec unshare --pid --fork "$@"' - \
    setpriv --reuid=64321 --regid=64321 --clear-groups --inh-caps=-all \
    "$open_to_all/leash-driver" touch "$open_to_all/ran"
  [ "$status" -eq 71 ]
  [[ $output == *"hidepid"* ]]
  [ ! -e "$open_to_all/ran" ]
  rm -rf "$open_to_all"
}

# --- in time -----------------------------------------------------------------------------------------------------------

# Lets redlock be stopped once the crowd is complete; its last extension may be as young as that.
stop_redlock_over_a_crowd() {
  local ttl_ms=$1 count=$2
  needs_the_processors
  start_driver --ttl-ms "$ttl_ms" --extend-for-ms -1 "$crowd" "$trace" "$count"
  wait_until 20 gathered "$count"
  find_guard
  kill -STOP "$driver"
  echo $((${EPOCHREALTIME/./} + ttl_ms * 1000)) > "$end_file"
  wait_until 20 is_dead "$guard"
}

@test "the last write of thousands of processes comes before the lease ends, even if redlock is stopped" {
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "a sanitizer makes the guard too slow for this"
  stop_redlock_over_a_crowd 4000 5000
  last_write_came_before_the_end
}

@test "other programs on the machine do not delay the last write" {
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "a sanitizer makes the guard too slow for this"
  local others guard_of_others
  # Under another driver, with which they end.
  "$REDLOCK_LEASH_DRIVER" "$crowd" "$trace.others" 5000 20000 3>&- &
  others=$!
  echo "$others" > "$pid_file" # should the test fail
  wait_until 20 eval '[[ -e $trace.others ]] && (($("$crowd" --ready "$trace.others") == 5000))'
  read -r guard_of_others _ < "/proc/$others/task/$others/children" || :
  stop_redlock_over_a_crowd 300 2
  kill -KILL "$others"
  wait_until 20 is_dead "$guard_of_others"
  last_write_came_before_the_end
}

@test "redlock says by how much a tree outlived the lease" {
  start_driver --ttl-ms 5000 --kill-after-ms 100 --end-file "$end_file" bash -c 'echo running; exec sleep 1000'
  wait_until 10 has_text running "$output_file"
  find_guard
  stop_with_guard
  is_past() { ((${EPOCHREALTIME/./} > $(< "$1") + 100000)); }
  wait_until 10 is_past "$end_file"
  kill -CONT "$guard"
  wait_until 10 is_dead "$guard"
  kill -CONT "$driver"
  finish_driver
  [ "$status" -eq 79 ]
  [ "$ending" = "stopped 0 lost" ]
  grep -E 'ended [1-9][0-9]{2,} ms after the lease.*longer --ttl' "$output_file"
}

# --- what is not the command's ---------------------------------------------------------------------------------------

# A shell with background jobs that becomes redlock by exec: $1 is run before that, the rest is the driver's.
start_after() {
  local before=$1
  shift
  env --default-signal=INT,QUIT bash -c "$before; exec \"\$@\"" - "$REDLOCK_LEASH_DRIVER" --report "$report_file" "$@" \
    > "$output_file" 2>&1 3>&- &
  driver=$!
}
guard_is_there() {
  guard=$(pgrep -P "$driver" -x lock-guard)
}
# The guard and the witness.
has_only_its_own_children() { [[ -z $(ps -o comm= --ppid "$driver" | grep -v '^lock-') ]]; }

@test "children that redlock had before are reaped when they end" {
  start_after 'for i in {1..20}; do read -rt 0.5 <> <(:) & done' --ttl-ms 60000 sleep 1000
  wait_until 10 guard_is_there
  wait_until 10 has_only_its_own_children
  kill -TERM "$driver"
  finish_driver
  [ "$ending" = "signalled 15 held" ]
}

@test "children that redlock had before, and their orphans, outlive the guard" {
  local go=$BATS_TEST_TMPDIR/go
  # The sleep becomes redlock's child when the shell between them ends, which nobody tells redlock.
  cat > "$BATS_TEST_TMPDIR/job" <<EOF2
(sleep 1000 & echo \$! > $pid_file.orphan; while [[ ! -e $go ]]; do read -rt 0.01 <> <(:); done)
echo \$\$ > $pid_file.child
sleep 1000
EOF2
  start_after "bash $BATS_TEST_TMPDIR/job &"$'\n:' --ttl-ms 60000 "$BATS_TEST_TMPDIR/stubborn" "$pid_file"
  wait_until 10 has_lines 4 "$pid_file"
  mapfile -t tree < "$pid_file"
  wait_until 10 guard_is_there
  touch "$go"
  wait_until 10 has_lines 1 "$pid_file.child"
  local child orphan
  child=$(< "$pid_file.child")
  orphan=$(< "$pid_file.orphan")
  [ "$(ps -o ppid= -p "$orphan" | tr -d ' ')" = "$driver" ]
  kill -KILL "$guard"
  finish_driver
  [ "$ending" = "guard-died 0 held" ]
  all_dead "${tree[@]}"
  is_alive "$child"
  is_alive "$orphan"
  kill -KILL "$child" "$orphan" $(pgrep -P "$child")
}

# --- those who end programs by name ----------------------------------------------------------------------------------

# Kills the driver, called as $BATS_TEST_TMPDIR/victim, by a command that is given. Only a guard that is not hit is still
# stopped afterwards.
kill_by_name() {
  cp --remove-destination "$REDLOCK_LEASH_DRIVER" "$BATS_TEST_TMPDIR/victim"  # the last guard may still execute it
  "$BATS_TEST_TMPDIR/victim" sleep 1000 3>&- &
  driver=$!
  wait_until 10 guard_is_there
  stop_with_guard
  "$@" > "$BATS_TEST_TMPDIR/killer" 2>&1
  wait "$driver" || :
  is_stopped "$guard"
  kill -CONT "$guard"
  wait_until 10 is_dead "$guard"
}

@test "killing redlock by its name or arguments does not hit the guard" {
  kill_by_name pkill -KILL victim
  kill_by_name pkill -KILL -f "$BATS_TEST_TMPDIR/victim"
  if command -v killall > /dev/null; then kill_by_name killall -KILL victim; fi
}

@test "killing redlock by its executable does not hit the guard of a user other than root" {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to become another user"
  local open_to_all
  open_to_all=$(mktemp -d "${TMPDIR:-/tmp}/redlock-e2e-open.XXXXXX")
  cp "$REDLOCK_LEASH_DRIVER" "$open_to_all/victim"
  chmod 755 "$open_to_all"
  local as_another=(setpriv --reuid=64321 --regid=64321 --clear-groups --inh-caps=-all)
  "${as_another[@]}" "$open_to_all/victim" sleep 1000 3>&- &
  driver=$!
  wait_until 10 guard_is_there
  wait_until 10 eval '! "${as_another[@]}" readlink "/proc/$guard/exe"'
  [ "$("${as_another[@]}" readlink "/proc/$driver/exe")" = "$open_to_all/victim" ]
  # Another process of redlock, the witness, may be hit without harm.
  if command -v pidof > /dev/null; then
    [[ " $("${as_another[@]}" pidof "$open_to_all/victim" victim) " == *" $driver "* ]]
    [[ " $("${as_another[@]}" pidof "$open_to_all/victim" victim) " != *" $guard "* ]]
  fi
  if command -v fuser > /dev/null; then
    "${as_another[@]}" fuser "$open_to_all/victim" > "$BATS_TEST_TMPDIR/users" 2> /dev/null
    [[ " $(< "$BATS_TEST_TMPDIR/users") " == *" $driver "* ]]
    [[ " $(< "$BATS_TEST_TMPDIR/users") " != *" $guard "* ]]
  fi
  kill -TERM "$driver"
  wait "$driver" || :
  rm -rf "$open_to_all"
}

# --- what does not die -----------------------------------------------------------------------------------------------

@test "redlock names a process that cannot die once, and waits for it without using the processor" {
  start_driver --ttl-ms 3000 --extend-for-ms 2000 bash -c "exec -a x sleep 1000"
  wait_until 10 find_guard
  wait_until 10 eval '[[ $(ps -o comm= --ppid "$guard") == sleep ]]'
  local traced
  traced=$(ps -o pid= --ppid "$guard" | tr -d ' ')
  # It stays a zombie of ours until the tracer lets go of it.
  freeze "$traced"
  wait_until 10 has_text "waiting for process $traced ('sleep')" "$output_file"
  # Of the thread that waits; the driver's other one extends.
  switches() { awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$driver/status"; }
  local before
  before=$(switches)
  sleep 1 # the length of the observation
  (($(switches) - before < 10))
  unfreeze
  finish_driver
  [ "$ending" = "stopped 0 lost" ]
  [ "$(grep -c 'waiting for process' "$output_file")" -eq 1 ]
}

@test "redlock was killed: its guard names a process that cannot die, and says that it has outlived the lease" {
  start_driver --ttl-ms 8000 --kill-after-ms 100 --end-file "$end_file" sleep 1000
  wait_until 10 find_guard
  wait_until 10 eval '[[ $(ps -o comm= --ppid "$guard") == sleep ]]'
  local traced
  traced=$(ps -o pid= --ppid "$guard" | tr -d ' ')
  freeze "$traced"
  kill -KILL "$driver"
  wait_until 10 has_text "redlock itself was killed: its guard is waiting for process $traced of the command" "$output_file"
  wait_until 10 eval '((${EPOCHREALTIME/./} > $(< "$end_file") + 2000))'
  run ! has_text 'after the lease' "$output_file"
  unfreeze
  wait_until 10 has_text 'the last process of the command ended [0-9]* ms after the lease' "$output_file"
  wait_until 10 is_dead "$guard"
}

@test "redlock names once a process of a cancelled command that cannot die, however long the lease" {
  start_driver --ttl-ms 60000 --kill-after-ms 2500 bash -c 'setsid sleep 1000 & echo $! > "$1"; wait' - "$pid_file"
  wait_until 10 has_lines 1 "$pid_file"
  local traced
  traced=$(< "$pid_file")
  wait_until 10 eval '[[ $(< "/proc/$traced/comm") == sleep ]]'
  freeze "$traced"
  kill -TERM "$driver"
  wait_until 10 has_text "waiting for process $traced ('sleep')" "$output_file"
  is_alive "$driver"
  unfreeze
  finish_driver
  [ "$ending" = "signalled 15 held" ]
  [ "$(grep -c 'waiting for process' "$output_file")" -eq 1 ]
}
