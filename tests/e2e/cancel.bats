#!/usr/bin/env bats
# What a command leaves running: ended when the command was cancelled, waited for with --release-when=all, left alone
# otherwise. Without Redis.

bats_require_minimum_version 1.5.0
load lib/process.bash

setup() {
  process_setup
  beat=$BATS_TEST_TMPDIR/beat
  heard=$BATS_TEST_TMPDIR/heard
  ended=$BATS_TEST_TMPDIR/ended
  # Leaves the session, notes each signal, touches $beat for as long as it lives and ends on none but KILL.
  cat > "$BATS_TEST_TMPDIR/work" <<'SCRIPT'
#!/bin/bash
for signal in TERM HUP INT QUIT; do trap "echo $signal >> '$2/heard'" "$signal"; done
exec 9<> <(:)
echo $$ >> "$1"
while :; do
  touch "$2/beat"
  read -rt 0.01 -u 9 || :
done
SCRIPT
  chmod +x "$BATS_TEST_TMPDIR/work"
  work="setsid env --default-signal=INT,QUIT $BATS_TEST_TMPDIR/work $pid_file $BATS_TEST_TMPDIR"
}
teardown() { process_teardown; }

# Starts the driver with the options and the shell script given, $work running behind it.
start_work() {
  local script=${*: -1}
  set -- "${@:1:$#-1}"
  start_driver --ended-file "$ended" "$@" bash -c "$work & $script"
  wait_until 10 has_lines 1 "$pid_file"
}

# The command has ended, and the guard has what it left running.
only_the_work_is_left() { [ "$(pgrep -P "$guard")" = "$(< "$pid_file")" ]; }

# The rest of the command has ended, and the lock was released after that.
work_ended_first() {
  is_dead "$(< "$pid_file")"
  [ -e "$ended" ]
  [ ! "$ended" -ot "$beat" ] # the clock of files moves in steps
}

@test "a signal that ends the command is sent to the processes that it leaves running, then KILL, and then the lock is released" {
  for signal in TERM HUP INT QUIT; do
    rm -f "$pid_file" "$heard" "$ended"
    start_work --kill-after-ms 2500 'exec sleep 1000'
    find_guard
    wait_until 10 command_is sleep # bash ignores QUIT
    kill -"$signal" "$driver"
    finish_driver
    echo "$signal: $status, $ending"
    [ "$status" -eq $((128 + $(kill -l "$signal"))) ]
    [ "$ending" = "signalled $(kill -l "$signal") held" ]
    [ "$(< "$heard")" = "$signal" ]
    work_ended_first
  done
}

@test "processes that a cancelled command leaves running get kill_after to clean up" {
  start_driver --kill-after-ms 20000 bash -c \
    "setsid bash -c 'trap \"echo cleaned up; exit\" TERM; echo \$\$ > $pid_file; while :; do sleep 0.01; done' & exec sleep 1000"
  wait_until 10 has_lines 1 "$pid_file"
  kill -TERM "$driver"
  finish_driver
  [ "$status" -eq 143 ]
  has_text 'cleaned up' "$output_file"
}

@test "a stopped command is continued when a signal asks it to end" {
  for signal in TERM HUP INT; do
    rm -f "$pid_file"
    start_driver bash -c "echo \$\$ > '$pid_file'; exec sleep 1000"
    wait_until 10 has_lines 1 "$pid_file"
    kill -STOP "$(< "$pid_file")"
    wait_until 10 is_stopped "$(< "$pid_file")"
    kill -"$signal" "$driver"
    finish_driver
    [ "$status" -eq $((128 + $(kill -l "$signal"))) ]
  done
}

@test "a command that exits after the signal is cancelled as well" {
  # No <(:) in the loop: a trap that comes while bash reads one is a syntax error to it.
  for case in 'TERM 143' 'TERM 1' 'TERM 0' 'INT 130' 'INT 1' 'INT 0' 'HUP 3'; do
    local signal=${case% *} code=${case#* }
    rm -f "$pid_file" "$heard" "$ended"
    start_work --kill-after-ms 2500 "exec 9<> <(:); trap 'exit $code' $signal; echo ready; while :; do read -rt 0.01 -u 9 || :; done"
    wait_until 10 has_text ready "$output_file"
    kill -"$signal" "$driver"
    finish_driver
    echo "$case: $status, $ending"
    [ "$status" -eq "$code" ]
    work_ended_first
  done
}

@test "processes left running are left alone if the command ended by itself, or long after a signal that it survived" {
  start_work 'exit 0'
  finish_driver
  [ "$status" -eq 0 ]
  is_alive "$(< "$pid_file")"

  kill -KILL "$(< "$pid_file")"
  rm "$pid_file"
  start_work "kill -KILL \$\$"
  finish_driver
  [ "$status" -eq 137 ]
  is_alive "$(< "$pid_file")"

  kill -KILL "$(< "$pid_file")"
  rm "$pid_file"
  start_work --kill-after-ms 1000 "exec 9<> <(:); trap 'echo again; trap \"echo again\" HUP; sleep 1.5; exit' HUP; echo ready; while :; do read -rt 0.01 -u 9 || :; done"
  wait_until 10 has_text ready "$output_file"
  kill -HUP "$driver"
  finish_driver
  [ "$status" -eq 0 ]
  is_alive "$(< "$pid_file")"
}

@test "a second signal is sent to the processes that are ending, too" {
  start_work --ttl-ms 60000 --kill-after-ms 20000 'exec sleep 1000'
  kill -TERM "$driver"
  wait_until 10 has_text TERM "$heard"
  kill -INT "$driver"
  wait_until 10 has_text INT "$heard"
  [ ! -e "$ended" ]
  kill -KILL "$(< "$pid_file")"
  finish_driver
  [ "$ending" = "signalled 15 held" ]
  [ -e "$ended" ]
}

@test "processes left running are dead before the lease ends, even if redlock is stopped meanwhile" {
  needs_the_processors
  start_work --ttl-ms 5000 --kill-after-ms 400 --end-file "$end_file" \
    "exec 9<> <(:); trap 'exit 4' TERM; echo ready; while :; do read -rt 0.01 -u 9 || :; done"
  wait_until 10 has_text ready "$output_file"
  kill -STOP "$driver"
  find_guard
  kill -TERM "$(pgrep -o -P "$guard")" # the command
  wait_until 20 is_dead "$(< "$pid_file")"
  (($(written_at "$beat") < $(< "$end_file")))
  kill -CONT "$driver"
  finish_driver
  [ "$status" -eq 4 ]
}

@test "kill -9 of redlock kills at once the processes that are ending" {
  start_work --kill-after-ms 20000 'exec sleep 1000'
  kill -TERM "$driver"
  wait_until 10 has_text TERM "$heard"
  kill -KILL "$driver"
  wait_until 10 is_dead "$(< "$pid_file")"
}

@test "with --release-when=all, the lock is held and extended until the last process has ended" {
  local start=${EPOCHREALTIME/./}
  start_driver --all --ttl-ms 2500 --kill-after-ms 100 --extend-for-ms -1 --ended-file "$ended" \
    bash -c "(setsid bash -c 'sleep 3; touch $beat' &); exit 3"
  finish_driver
  [ "$status" -eq 3 ]
  [ "$ending" = "exited 3 held" ]
  (($(milliseconds_since "$start") >= 3000))
  [ ! "$ended" -ot "$beat" ]

  # Where nothing is left it ends like any other.
  run "$REDLOCK_LEASH_DRIVER" --all true
  [ "$status" -eq 0 ]
}

@test "with --release-when=all, processes left running are stopped with the lease, and the status is 79" {
  needs_the_processors
  start_work --all --ttl-ms 5000 --kill-after-ms 2000 --end-file "$end_file" 'exit 3'
  finish_driver
  (($(written_at "$ended") < $(< "$end_file")))
  [ "$status" -eq 79 ]
  [ "$ending" = "stopped 0 lost" ]
  [ "$(< "$heard")" = TERM ]
  is_dead "$(< "$pid_file")"
}

@test "with --release-when=all, a signal after the command's end ends the processes left running" {
  start_work --all --kill-after-ms 2500 'exit 3'
  find_guard
  wait_until 10 only_the_work_is_left
  kill -USR1 "$driver"
  kill -TERM "$driver"
  finish_driver
  [ "$status" -eq 3 ]
  [ "$(< "$heard")" = TERM ]
  work_ended_first
}

@test "with --release-when=all, the processes left running die with the guard" {
  start_work --all 'exit 3'
  find_guard
  wait_until 10 only_the_work_is_left
  kill -KILL "$guard"
  finish_driver
  [ "$status" -eq 71 ]
  [ "$ending" = "guard-died 0 held" ]
  is_dead "$(< "$pid_file")"
}
