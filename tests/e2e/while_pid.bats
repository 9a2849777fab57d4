#!/usr/bin/env bats
# acquire --while-pid: a lock that a process in the background keeps for as long as another one lives.

load lib/redlock.bash

setup_file() { isolate; }
setup() {
  redlock_setup
  start_nodes 3
}
teardown() {
  stop_nodes
  redlock_teardown
}

# start_subject [NAME]: a process to hold the lock for: writes the signals it gets to $marks/NAME.signals. Sets $subject.
start_subject() {
  local name=${1:-subject}
  bash -c 'trap "echo TERM >> $0" TERM; trap "echo USR1 >> $0" USR1; : > "$0"; while :; do setpriv --pdeathsig KILL sleep 1000 & wait $!; done' \
    "$marks/$name.signals" 3>&- &
  subject=$!
  started+=("$subject")
  wait_until 20 test -e "$marks/$name.signals"
}
end_subject() {
  kill -KILL "$subject"
  wait "$subject" 2> /dev/null || :
}
# The process in the background, by what it watches.
keeper_of() { pgrep -f -- "--while-pid $1 " || pgrep -f -- "--while-pid $1\$"; }
no_keeper_of() { ! keeper_of "$1" > /dev/null; }
# The second process in the background, which shows nothing of the command line.
alarm_of() { pgrep -P "$(keeper_of "$1")"; }
has_another_alarm_than() { local now; now=$(alarm_of "$1") && [[ $now != "$2" ]]; }

@test "the token comes at once, and the lock is extended until the process ends, then released" {
  start_subject
  token=$("$REDLOCK" acquire --ttl 4s -k 100ms --events "$marks/events" --while-pid "$subject" "$lock")
  [[ $token =~ ^[0-9a-f]{40}$ ]]
  wait_until 20 eval "(( \$(grep -c '\"extended\"' '$marks/events') >= 4 ))"
  (($(nodes_with "$lock" "$token") >= 2))
  [ ! -s "$marks/subject.signals" ] # the first deadlines are long over
  end_subject
  wait_until 20 nothing_left_of "$lock"
  wait_until 20 has_text '"released"' "$marks/events"
  wait_until 20 no_keeper_of "$subject"
}

@test "a release by hand ends it, and the process is not signalled" {
  start_subject
  token=$("$REDLOCK" acquire --ttl 4s -k 100ms --while-pid "$subject" "$lock")
  "$REDLOCK" release "$lock" "$token"
  nothing_left_of "$lock"
  wait_until 20 no_keeper_of "$subject"
  [ ! -s "$marks/subject.signals" ]
  # The next holder is left in peace.
  second=$("$REDLOCK" acquire -w 20s "$lock")
  (($(nodes_with "$lock" "$second") >= 2))
  "$REDLOCK" release "$lock" "$second"
  end_subject
}

@test "the process gets the signal that was asked for when the lock is lost" {
  start_subject
  "$REDLOCK" acquire --ttl 4s -k 100ms --lost-signal USR1 --while-pid "$subject" "$lock" > /dev/null
  # It would plant the lock again on the first nodes before the last ones are asked.
  kill -STOP "$(keeper_of "$subject")"
  on_all_nodes DEL "$lock"
  kill -CONT "$(keeper_of "$subject")"
  wait_until 20 has_text USR1 "$marks/subject.signals"
  wait_until 20 no_keeper_of "$subject"
  [ "$(< "$marks/subject.signals")" = USR1 ]
  nothing_left_of "$lock"
  end_subject
}

@test "without a quorum the process is signalled before the lease ends" {
  start_subject
  "$REDLOCK" acquire --ttl 1s --while-pid "$subject" "$lock" > /dev/null
  kill_node 1 2
  wait_until 20 has_text TERM "$marks/subject.signals"
  wait_until 20 no_keeper_of "$subject"
  end_subject
}

@test "the process is signalled before the lease ends if the process that extends it is killed or stopped" {
  for how in KILL STOP; do
    start_subject "$how"
    subjects+=("$subject")
    "$REDLOCK" acquire --ttl 9s -k 3s --events "$marks/$how.events" --while-pid "$subject" "$how" > "$marks/$how.token"
    wait_until 20 has_text '"extended"' "$marks/$how.events" # the deadline that counts is not the first
    local keeper=$(keeper_of "$subject") alarm=$(alarm_of "$subject")
    # It shares nothing with the keeper by which both might be meant.
    [ "$(ps -o sid= -p "$alarm" | tr -d ' ')" -eq "$alarm" ]
    [ "$(tr '\0' ' ' < "/proc/$alarm/cmdline" | sed 's/ *$//')" = lock-alarm ]
    [ "$(< "/proc/$alarm/comm")" = lock-alarm ]
    started+=("$keeper" "$alarm") # should the test fail
    kill "-$how" "$keeper"
    eval "${how,,}_keeper=$keeper ${how,,}_alarm=$alarm"
  done
  for how in KILL STOP; do
    wait_until 20 has_text TERM "$marks/$how.signals"
    (($(nodes_with "$how" "$(< "$marks/$how.token")") >= 2)) # nobody else can have it yet
  done
  wait_until 20 is_dead "$kill_alarm"
  # Stopped, and continued: nothing is told a second time.
  kill -CONT "$stop_keeper"
  for subject in "${subjects[@]}"; do end_subject; done
  wait_until 20 is_dead "$stop_keeper"
  [ "$(< "$marks/STOP.signals")" = TERM ]
  [ "$(< "$marks/KILL.signals")" = TERM ]
}

@test "the process that extends the lease replaces the alarm, and works without it" {
  start_subject
  "$REDLOCK" acquire --ttl 9s -k 3s --while-pid "$subject" "$lock" > "$marks/token"
  local first=$(alarm_of "$subject") second keeper=$(keeper_of "$subject")
  kill -KILL "$first"
  wait_until 20 has_another_alarm_than "$subject" "$first"
  second=$(alarm_of "$subject")
  # A lock that is lost is told without it.
  started+=("$second")
  kill -STOP "$second"
  "$REDLOCK" break -y "$lock" > /dev/null 2>&1
  wait_until 20 has_text TERM "$marks/subject.signals"
  wait_until 20 no_keeper_of "$subject"
  wait_until 20 is_dead "$second"
  [ "$(< "$marks/subject.signals")" = TERM ]
  end_subject
}

@test "a stopped alarm is continued, and signals the process in time" {
  start_subject
  "$REDLOCK" acquire --ttl 9s -k 3s --while-pid "$subject" "$lock" > "$marks/token"
  local alarm=$(alarm_of "$subject") keeper=$(keeper_of "$subject")
  is_continued() { [[ $(ps -o stat= -p "$alarm") == S* ]]; }
  started+=("$alarm" "$keeper")
  for each in 1 2; do
    kill -STOP "$alarm"
    wait_until 20 is_continued
  done
  kill -KILL "$keeper"
  wait_until 20 has_text TERM "$marks/subject.signals"
  (($(nodes_with "$lock" "$(< "$marks/token")") >= 2)) # nobody else can have it yet
  wait_until 20 is_dead "$alarm"
  end_subject
}

@test "both background processes end with the process that they work for" {
  start_subject
  "$REDLOCK" acquire --ttl 60s --while-pid "$subject" "$lock" > /dev/null
  local keeper=$(keeper_of "$subject") alarm=$(alarm_of "$subject")
  started+=("$keeper")
  kill -STOP "$keeper"
  end_subject
  wait_until 20 is_dead "$alarm"
  kill -CONT "$keeper"
  wait_until 20 is_dead "$keeper"
}

@test "the background processes keep no folder, terminal or file open" {
  start_subject
  mkdir "$marks/folder"
  (cd "$marks/folder" && exec 7> "$marks/held" &&
    "$REDLOCK" acquire --ttl 6s -k 100ms --while-pid "$subject" --events ../events "$lock" > ../token 2> ../messages)
  keeps_nothing() {
    [ "$(readlink "/proc/$1/cwd")" = / ] || { echo "process '$1' in $(readlink "/proc/$1/cwd")"; return 1; }
    ! ls -l "/proc/$1/fd" | grep -E "$marks/(held|token|messages)|/dev/(pts|tty)" || return 1
    [ "$(ps -o tty= -p "$1" | tr -d ' ')" = '?' ]
  }
  # At once: the folder may be that of a disk which the script takes away next.
  keeps_nothing "$(keeper_of "$subject")"
  wait_until 10 keeps_nothing "$(alarm_of "$subject")"
  # A path on the command line means what it meant to the script.
  wait_until 20 has_text '"extended"' "$marks/events"
  end_subject
  wait_until 20 nothing_left_of "$lock"
}

@test "a script holds a lock for the rest of itself" {
  cat > "$marks/script" <<'SCRIPT'
token=$("$REDLOCK" acquire --ttl 10s --while-pid $$ "$1") || exit
"$REDLOCK" status "$1" > /dev/null || exit 9
SCRIPT
  try sh "$marks/script" "$lock"
  [ "$status" -eq 0 ]
  wait_until 20 nothing_left_of "$lock"
}

@test "--while-pid works without a terminal, in a session of its own and with standard input closed, as under cron and ssh" {
  start_subject
  setsid sh -c '"$REDLOCK" acquire --ttl 10s --while-pid "$1" "$2" <&- > "$3/token"' - "$subject" "$lock" "$marks"
  (($(nodes_with "$lock" "$(< "$marks/token")") >= 2))
  end_subject
  wait_until 20 nothing_left_of "$lock"
}

@test "the background processes keep no inherited descriptor open" {
  start_subject
  # The end of the pipe comes although the lock is held on.
  echo "$("$REDLOCK" acquire --ttl 10s --while-pid "$subject" "$lock" 5>&1)" > "$marks/token"
  (($(nodes_with "$lock" "$(< "$marks/token")") >= 2))
  end_subject
  wait_until 20 nothing_left_of "$lock"
}

@test "a lock that is held is reported as without --while-pid" {
  start_subject
  start_holder "$lock"
  try "$REDLOCK" acquire -n --while-pid "$subject" "$lock"
  [ "$status" -eq 75 ]
  [ -z "$output" ]
  [ "$(grep -c 'is held by' <<< "$stderr")" -eq 1 ]
  end_holder
  end_subject
}

@test "redlock refuses a dead process, a PID without a process and a process that makes no sense, and asks no node" {
  start_subject
  end_subject
  for wrong in "$subject" 1 0 -1 x 99999999999 ''; do
    try "$REDLOCK" acquire --while-pid "$wrong" "$lock"
    [ "$status" -eq 64 ] || { echo "status $status for $wrong"; return 1; }
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    [ -z "$output" ]
  done
  # Itself: the shell becomes redlock, and keeps its number.
  try sh -c 'exec "$REDLOCK" acquire --while-pid $$ "$1"' - "$lock"
  [ "$status" -eq 64 ]
  try "$REDLOCK" acquire --lost-signal NOPE --while-pid $$ "$lock"
  [ "$status" -eq 64 ]
  try "$REDLOCK" acquire --lost-signal TERM "$lock"
  [ "$status" -eq 64 ]
  [ "$(redis_cli 1 DBSIZE)" -eq 0 ]
}

@test "nothing is left behind if the starter dies before the token is printed" {
  start_subject
  start_holder "$lock"
  start_redlock starter acquire --retry-delay 5ms --while-pid "$subject" "$lock"
  wait_until 20 has_text 'is held by' "$marks/starter.err"
  kill -KILL "$redlock"
  wait_until 20 no_keeper_of "$subject"
  end_holder
  nothing_left_of "$lock"
  end_subject
}
