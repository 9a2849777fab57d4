# Shared by the tests of src/process: they run commands under leash-driver (tests/helpers), so that no Redis is
# needed. $REDLOCK_LEASH_DRIVER names the built program.

# Polls until the command given succeeds; fails after about $1 seconds.
wait_until() {
  local limit=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@"; do
    if ((${EPOCHREALTIME/./} > limit)); then
      echo "waited in vain for: $*" >&2
      return 1
    fi
    read -rt 0.005 <> <(:) || :
  done
}

# Alive: there, and no zombie; or a zombie with threads that have yet to end, and keep its sockets open until they have.
is_alive() {
  local stat
  { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
  read -ra stat <<< "${stat##*) }"
  [[ ${stat[0]} != [ZX] ]] || ((stat[17] > 1))
}
is_dead() { ! is_alive "$1"; }

all_dead() {
  local pid
  for pid in "$@"; do is_dead "$pid" || return 1; done
}

is_stopped() {
  local stat
  { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
  stat=${stat##*) }
  [[ ${stat:0:1} == T ]]
}

has_lines() { [[ -e $2 ]] && (($(wc -l < "$2") >= $1)); }
has_text() { [[ -e $2 ]] && grep -q -- "$1" "$2"; }

milliseconds_since() { echo $(((${EPOCHREALTIME/./} - $1) / 1000)); }

# Starts the driver in the background, its output in $output_file; sets $driver. A shell without job control has INT
# and QUIT ignored in what it starts with `&`: undo that.
start_driver() {
  env --default-signal=INT,QUIT "$REDLOCK_LEASH_DRIVER" --report "$report_file" "$@" > "$output_file" 2>&1 3>&- &
  driver=$!
}

# Waits for the driver, its exit status in $status and how the command ended in $ending.
finish_driver() {
  status=0
  wait "$driver" || status=$?
  ending=$(< "$report_file")
}

# The guard is the driver's first child; a witness may follow. A program would have to look at every process of the machine.
find_guard() {
  read -r guard _ < "/proc/$driver/task/$driver/children" || :
  [[ -n $guard ]]
} 2> /dev/null

# Whether $guard has a command that is called NAME, by now: before the exec it has another name and other signals.
command_is() {
  local command
  read -r command _ < "/proc/$guard/task/$guard/children" || :
  [[ -n $command && $(< "/proc/$command/comm") == "$1" ]]
} 2> /dev/null

# For tests of what redlock does within a fraction of a second, which it can where its processes get the processor. One
# that fails while a processor stood still has shown nothing, and is repeated.
needs_the_processors() {
  stalls=$BATS_TEST_TMPDIR/stalls
  "$helpers/stalls.py" "$stalls" 3>&- &
  stalls_watch=$!
  wait_until 20 test -e "$stalls"
}
repeat_if_stalled() {
  wait "$stalls_watch"
  [[ -s $stalls ]] || return 0
  BATS_TEST_RETRIES=5
  echo "# '$BATS_TEST_DESCRIPTION' has failed, and $(tail -n 1 "$stalls")" >&3
  # Bats removes the folder, in which a process may still write.
  mv "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR.$BATS_TEST_TRY_NUMBER"
  mkdir "$BATS_TEST_TMPDIR"
}

# When a file was last written, in microseconds since 1970.
written_at() {
  local time
  time=$(stat -c %.6Y "$1")
  echo "${time/./}"
}

# Stops the driver and then $guard, which a driver that still ran would continue.
stop_with_guard() {
  kill -STOP "$driver"
  wait_until 10 is_stopped "$driver"
  kill -STOP "$guard"
  wait_until 10 is_stopped "$guard"
}

# A command that is hard to kill: ignores what can be ignored, as do a child of it, a grandchild in a session of its
# own and one that was orphaned by a double fork. Each writes its pid to $pid_file when it is ready.
write_stubborn_tree() {
  cat > "$BATS_TEST_TMPDIR/stubborn" <<'EOF'
#!/bin/bash
trap '' TERM HUP INT QUIT USR1 USR2
pids=$1
stay() { echo "$BASHPID" >> "$pids"; while :; do sleep 1000 & wait $!; done; }
(stay) &
setsid bash -c "trap '' TERM; $(declare -f stay); pids=$pids; stay" &
( setsid bash -c "trap '' TERM; $(declare -f stay); pids=$pids; stay" & )
stay
EOF
  chmod +x "$BATS_TEST_TMPDIR/stubborn"
}

process_setup() {
  [[ -x ${REDLOCK_LEASH_DRIVER:-} ]] || skip "REDLOCK_LEASH_DRIVER does not name the test driver"
  output_file=$BATS_TEST_TMPDIR/output
  report_file=$BATS_TEST_TMPDIR/report
  pid_file=$BATS_TEST_TMPDIR/pids
  end_file=$BATS_TEST_TMPDIR/end
  helpers=$BATS_TEST_DIRNAME/../helpers
  driver=
  write_stubborn_tree
}

# Nothing may be left of a test, whether it went well or not.
process_teardown() {
  local pid failed=
  [[ -n ${BATS_TEST_COMPLETED:-} || -n ${BATS_TEST_SKIPPED:-} ]] || failed=yes
  [[ -z $failed || -z ${driver:-} ]] || head -n 20 "$output_file" "$report_file" 2>&1
  unfreeze
  if [[ -n ${driver:-} ]]; then kill -KILL "$driver" 2> /dev/null || :; fi
  if [[ -e ${pid_file:-} ]]; then
    while read -r pid; do kill -KILL "$pid" 2> /dev/null || :; done < "$pid_file"
  fi
  [[ -z ${stalls:-} ]] || touch "$stalls.end"
  [[ -z $failed || -z ${stalls:-} ]] || repeat_if_stalled
}

# Has a process hold process $1, as a debugger that does nothing would: frozen, and not stopped. Ends the test where that
# is not permitted. unfreeze ends it.
freeze() {
  cat > "$BATS_TEST_TMPDIR/tracer" <<'EOF'
#!/usr/bin/python3
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207  # ATTACH would leave SIGSTOP behind
pid = int(sys.argv[1])
if any(libc.ptrace(request, pid, None, None) != 0 for request in (PTRACE_SEIZE, PTRACE_INTERRUPT)):
    sys.exit("cannot trace")
print("traced", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
EOF
  /usr/bin/python3 "$BATS_TEST_TMPDIR/tracer" "$1" "$BATS_TEST_TMPDIR/go" > "$BATS_TEST_TMPDIR/traced" 2>&1 3>&- &
  wait_until 10 eval '[[ -s $BATS_TEST_TMPDIR/traced ]]'
  has_text 'traced' "$BATS_TEST_TMPDIR/traced" || skip "tracing is not permitted"
}
unfreeze() { touch "$BATS_TEST_TMPDIR/go"; }
