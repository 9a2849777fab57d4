#!/usr/bin/env bats
# --events: what happens to a lock, for programs that watch.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
}
setup() {
  redlock_setup
  events=$marks/events
}
teardown() {
  stop_nodes
  redlock_teardown
}

# The events of $events in their order, "EVENT" or, with a key, "EVENT=VALUE"; fails where a line is no JSON object.
events() {
  /usr/bin/python3 - "$events" "${1:-}" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    event = json.loads(line)
    print(event["event"] if not sys.argv[2] else f"{event['event']}={event.get(sys.argv[2])}")
PYTHON
}
has_event() { [[ -s $events ]] && events | grep -qx "$1"; }

@test "a run tells acquired, extended and released, with time, name and fence" {
  start_nodes 3
  start_redlock run run --ttl 9s --events "$events" "$lock" -- sh -c \
    'echo "$REDLOCK_FENCE" > "$0/fence"; until grep -q extended "$0/events"; do sleep 0.02; done' "$marks"
  finish "$redlock"
  [ "$status" -eq 0 ]
  [[ $(events | tr '\n' ' ') =~ ^'acquired extended '('extended ')*'released '$ ]]
  [ "$(events name | sed 's/^[a-z]*=//' | sort -u)" = "$lock" ]
  [ "$(events fence | sed 's/^[a-z]*=//' | sort -u)" = "$(< "$marks/fence")" ]
  events time | grep -qvE '^[a-z]+=20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$' && return 1
  events was | grep -qx 'released=ours'
  [ "$(events host | sed 's/^[a-z]*=//' | sort -u)" = "$(hostname)" ]
  [ "$(events pid | sed 's/^[a-z]*=//' | sort -u)" = "$redlock" ]
  events votes | grep -qE '^acquired=[23]$'
  [ "$(stat -c %a "$events")" = 600 ]
}

@test "one who waits tells so, with the holder, once" {
  start_nodes 3
  start_holder "$lock"
  start_redlock second run --retry-delay 5ms --events "$events" "$lock" -- true
  wait_until 20 has_event waiting
  wait_until 20 has_text 'is held by' "$marks/second.err"
  end_holder
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ "$(events | head -n 2 | tr '\n' ' ')" = "waiting acquired " ]
  events holder | grep -q "^waiting=.*pid $holder, sh"
  events reason | grep -qx 'waiting=held'
}

@test "a note stands with the grant, and with the holder that others wait for" {
  start_nodes 3
  start_redlock first run --note TICKET-7 --events "$marks/first" "$lock" -- sh -c "touch '$marks/held'; exec sleep 1000"
  first=$redlock
  wait_until 20 test -e "$marks/held"
  start_redlock second run --events "$events" "$lock" -- true
  wait_until 20 has_event waiting
  events holder | grep -q "^waiting=.*, note 'TICKET-7'"
  kill -TERM "$first"
  finish "$redlock"
  [ "$status" -eq 0 ]
  events note | grep -qx acquired=None
  events=$marks/first
  events note | grep -qx acquired=TICKET-7
}

@test "a signal ends the waiting, and what had happened is written all the same" {
  start_nodes 1
  start_holder "$lock"
  start_redlock second run --retry-delay 5ms --events "$events" "$lock" -- true
  wait_until 20 has_text 'is held by' "$marks/second.err"
  kill -TERM "$redlock"
  finish "$redlock"
  [ "$status" -eq 143 ]
  [ "$(events | tr '\n' ' ')" = 'waiting gave_up ' ]
  events reason | grep -qx gave_up=signal
  end_holder
}

@test "one who gives up tells so, with the reason" {
  start_nodes 3
  start_holder "$lock"
  try_run -n --events "$events" "$lock" -- true
  [ "$status" -eq 75 ]
  [ "$(events reason)" = gave_up=held ]
  events holder | grep -q "^gave_up=.*pid $holder, sh"
  end_holder
  kill_node 2 3
  rm "$events"
  try_run -n --events "$events" "$lock" -- true
  [ "$status" -eq 69 ]
  events reason | grep -qx gave_up=no_quorum
}

@test "a node that goes and comes back is told" {
  start_nodes 3
  start_redlock run run --ttl 9s --events "$events" "$lock" -- sleep 1000
  wait_until 20 has_event acquired
  kill_node 3
  wait_until 20 has_event node_down
  events node | grep -qx "node_down=$(url_of 3)/0"
  events why | grep -q 'node_down=.*connection'
  boot_node 3
  wait_until 20 has_event node_up
  kill -TERM "$redlock"
  finish "$redlock"
  [ "$status" -eq 143 ]
  ! has_event lost
}

@test "a lock that is lost is told: failed attempts, the loss, the stop" {
  start_nodes 3
  start_redlock run run --ttl 9s --events "$events" "$lock" -- sleep 1000
  wait_until 20 has_event acquired
  kill_node 2 3
  finish "$redlock"
  [ "$status" -eq 79 ]
  [[ $(events | tr '\n' ' ') == *extend_failed*lost*stopped*released* ]]
  events reason | grep -qx 'lost=expired'
}

@test "events go to a descriptor, and the command finds that as it was" {
  start_nodes 1
  "$REDLOCK" run --events fd:7 "$lock" -- sh -c 'echo from the command >&7' 7> "$events"
  grep -qx 'from the command' "$events"
  sed -i '/from the command/d' "$events"
  [ "$(events | tr '\n' ' ')" = "acquired released " ]
}

@test "a pipe that nobody reads and a disk that is full hold up no extension" {
  start_nodes 3
  # Full to the last byte, and open at both ends.
  /usr/bin/python3 - "$REDLOCK" "$lock" "$marks/extended" > "$marks/out" 2> "$marks/err" <<'PYTHON'
import os, subprocess, sys
reader, writer = os.pipe()
os.set_blocking(writer, False)
try:
    while True:
        os.write(writer, b"x")
except BlockingIOError:
    pass
os.set_blocking(writer, True)
os.set_inheritable(writer, True)
command = f"sleep 6; touch {sys.argv[3]}"
sys.exit(subprocess.run([sys.argv[1], "run", "--ttl", "4s", "--kill-after", "100ms", "--events", f"fd:{writer}",
                         sys.argv[2], "--", "sh", "-c", command], pass_fds=[writer], timeout=60).returncode)
PYTHON
  [ -e "$marks/extended" ]
  nothing_left_of "$lock"
  try_run --ttl 4s --kill-after 100ms --events /dev/full "$lock" -- sh -c 'sleep 6; echo done'
  [ "$status" -eq 0 ]
  [ "$output" = "done" ]
  [ "$(grep -c 'no space left on device' <<< "$stderr")" -eq 1 ]
}

@test "where events cannot be written at all, that is said before anything is asked" {
  start_nodes 1
  try_run --events "$marks/no/such/folder" "$lock" -- touch "$marks/ran"
  [ "$status" -eq 71 ]
  [[ $stderr == *"no such file or directory"* ]]
  for wrong in fd: fd:x fd:-1 fd:99 fd:0; do
    try_run --events "$wrong" "$lock" -- touch "$marks/ran" < /dev/null
    [ "$status" -eq 64 ]
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
  done
  [ ! -e "$marks/ran" ]
  [ "$(redis_cli 1 DBSIZE)" -eq 0 ]
}

@test "a file of events that may not grow costs the events, not the run" {
  start_nodes 1
  head -c 1000 /dev/zero | tr '\0' ' ' > "$events"
  run bash -c 'ulimit -f 1; exec "$@"' - "$REDLOCK" run --events "$events" "$lock" -- sh -c 'exit 5'
  [ "$status" -eq 5 ]
  [[ $output == *"cannot write events to"*"events are lost"* ]]
}
