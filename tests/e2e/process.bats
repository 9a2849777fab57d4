#!/usr/bin/env bats
# The command and its leash (DESIGN section 4), without Redis.

bats_require_minimum_version 1.5.0
load lib/process.bash

setup() { process_setup; }
teardown() { process_teardown; }

# For `kill -9` of redlock or of its guard. The promise is 250 ms, and the figure is printed; a shared machine that has
# other things to do gets more. On a quiet one: REDLOCK_TEST_KILL_LIMIT_MS=250.
kill_limit_ms=${REDLOCK_TEST_KILL_LIMIT_MS:-1000}

run_driver() { run "$REDLOCK_LEASH_DRIVER" --report "$report_file" "$@"; }

# Starts the stubborn tree and waits until all of it runs; its pids in $tree.
start_stubborn() {
  start_driver "$@" "$BATS_TEST_TMPDIR/stubborn" "$pid_file"
  wait_until 10 has_lines 4 "$pid_file"
  mapfile -t tree < "$pid_file"
  find_guard
}

# --- how it ends -----------------------------------------------------------------------------------------------------

@test "redlock exits with the status of the command" {
  for code in 0 1 77 255; do
    run_driver sh -c "exit $code"
    [ "$status" -eq "$code" ]
    [ -z "$output" ]
    [ "$(< "$report_file")" = "exited $code held" ]
  done
}

@test "redlock exits with 128+N when signal N killed the command" {
  for signal in HUP KILL TERM SEGV; do
    run_driver sh -c "kill -$signal \$\$"
    [ "$status" -eq $((128 + $(kill -l $signal))) ]
  done
}

@test "redlock exits with 127 if the command is not found, and with 126 if it cannot be executed" {
  run -127 "$REDLOCK_LEASH_DRIVER" no-such-command
  [[ $output == "redlock: 'no-such-command': command not found"* ]]

  echo 'not a program' > "$BATS_TEST_TMPDIR/text"
  run_driver "$BATS_TEST_TMPDIR/text"
  [ "$status" -eq 126 ]
  [[ $output == *"permission denied"* ]]

  chmod +x "$BATS_TEST_TMPDIR/text"
  run_driver "$BATS_TEST_TMPDIR/text"
  [ "$status" -eq 126 ]
  [[ $output == *"'#!'"* ]]

  printf '#!/no/such/interpreter\n' > "$BATS_TEST_TMPDIR/script"
  chmod +x "$BATS_TEST_TMPDIR/script"
  run -127 "$REDLOCK_LEASH_DRIVER" "$BATS_TEST_TMPDIR/script"
  [[ $output == "redlock: cannot execute '$BATS_TEST_TMPDIR/script': the interpreter that its first line names, '/no/such/interpreter', is not there" ]]
  printf '#! /bin/sh\r\ntrue\r\n' > "$BATS_TEST_TMPDIR/script"
  run -127 "$REDLOCK_LEASH_DRIVER" "$BATS_TEST_TMPDIR/script"
  [[ $output == *"names, '/bin/sh\\r', is not there: its lines end as those of Windows do (CRLF). Convert it: sed -i 's/\\r$//' FILE" ]]

  run_driver "$BATS_TEST_TMPDIR"
  [ "$status" -eq 126 ]
}

@test "redlock exits with 71 if a fork is refused, and says what to do" {
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "the sanitizer forks by itself"
  [ "$(id -u)" -eq 0 ] || skip "needs root, to become a user without processes"
  local open_to_all
  open_to_all=$(mktemp -d "${TMPDIR:-/tmp}/redlock-e2e-open.XXXXXX")
  cp "$REDLOCK_LEASH_DRIVER" "$open_to_all"
  chmod 755 "$open_to_all"
  run setpriv --reuid=64321 --clear-groups bash -c 'ulimit -u 1; exec "$@"' - "$open_to_all/leash-driver" true
  rm -rf "$open_to_all"
  [ "$status" -eq 71 ]
  [[ $output == *"ulimit -u"* ]]
}

@test "nothing is executed once the lease is over" {
  run_driver --ttl-ms 300 --delay-ms 400 touch "$BATS_TEST_TMPDIR/ran"
  [ "$status" -eq 79 ]
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
  [ "$(< "$report_file")" = "not-started 79 lost" ]
}

@test "a daemon outlives a command that starts it and exits with 0" {
  run_driver bash -c "(setsid sleep 1000 > /dev/null 2>&1 3>&- & echo \$! > $pid_file)"
  [ "$status" -eq 0 ]
  read -r daemon < "$pid_file"
  is_alive "$daemon"
}

# --- the deadline ----------------------------------------------------------------------------------------------------

@test "a command that ends on TERM is stopped kill_after before the lease ends" {
  local start=${EPOCHREALTIME/./}
  run_driver --ttl-ms 12000 --kill-after-ms 10000 sleep 1000
  local took=$(milliseconds_since "$start")
  [ "$status" -eq 79 ]
  [ "$(< "$report_file")" = "stopped 0 lost" ]
  [[ $output == "redlock: the lock was lost: the command was stopped" ]]
  ((took >= 2000 && took < 6000))
}

@test "a tree that ignores TERM is dead before the lease ends" {
  needs_the_processors
  start_stubborn --ttl-ms 6000 --kill-after-ms 500 --end-file "$end_file"
  "$helpers/time-deaths.py" CONT "$driver" "${tree[@]}"
  local left=$(($(< "$end_file") - ${EPOCHREALTIME/./}))
  finish_driver
  [ "$status" -eq 79 ]
  echo "# dead $((left / 1000)) ms before the end" >&3
  ((left > 0 && left < 500000))
}

@test "the last write of a command that ignores TERM comes before the lease ends" {
  needs_the_processors
  for ttl in 1000 2000 4000; do
    run_driver --ttl-ms "$ttl" --end-file "$end_file" bash -c "trap '' TERM; while :; do echo \${EPOCHREALTIME/./}; done > $output_file"
    [ "$status" -eq 79 ]
    local last=$(tail -n 1 "$output_file" | grep -x '[0-9]\{16\}' || tail -n 2 "$output_file" | head -n 1)
    local left=$(($(< "$end_file") - last))
    echo "# ttl $ttl ms: the last write came $((left / 1000)) ms before the end" >&3
    ((left > 0))
  done
}

@test "a stopped command is killed at the deadline" {
  start_driver --ttl-ms 6000 --kill-after-ms 3000 bash -c "echo \$\$ > $pid_file; kill -STOP \$\$; touch $BATS_TEST_TMPDIR/went-on"
  finish_driver
  [ "$status" -eq 79 ]
  is_dead "$(< "$pid_file")"
  [ ! -e "$BATS_TEST_TMPDIR/went-on" ]
}

@test "a lease that is extended keeps the command alive beyond its first end" {
  run_driver --ttl-ms 2500 --kill-after-ms 100 --extend-for-ms -1 sleep 3
  [ "$status" -eq 0 ]
  [ "$(< "$report_file")" = "exited 0 held" ]
}

@test "a lease that is no longer extended ends the command" {
  local start=${EPOCHREALTIME/./}
  run_driver --ttl-ms 2500 --kill-after-ms 100 --extend-for-ms 3000 sleep 1000
  local took=$(milliseconds_since "$start")
  [ "$status" -eq 79 ]
  ((took >= 3000 && took < 15000))
}

@test "a lease that is lost stops the command at once" {
  local start=${EPOCHREALTIME/./}
  run_driver --ttl-ms 60000 --lose-after-ms 100 sleep 1000
  local took=$(milliseconds_since "$start")
  [ "$status" -eq 79 ]
  ((took < 10000)) # TERM would come after 40 s
}

@test "a command whose lease is lost gets TERM, and kill_after to clean up" {
  run_driver --ttl-ms 60000 --kill-after-ms 10000 --lose-after-ms 3000 \
    bash -c "trap 'echo cleaned up; exit 3' TERM; while :; do sleep 0.01; done"
  [ "$status" -eq 79 ]
  [[ $output == *"cleaned up"* ]]
}

@test "with --on-lost=warn the command runs on after a loss, redlock says so and exits with 79" {
  local runs_on='for i in {1..1000}; do if grep -q "runs on without it" "$0"; then echo went on; exit; fi; sleep 0.01; done'
  start_driver --warn --ttl-ms 3000 bash -c "$runs_on" "$output_file"
  finish_driver
  [ "$status" -eq 79 ]
  has_text 'went on' "$output_file"
  [ "$ending" = "exited 0 lost" ]

  # Also when the guard is woken after the end.
  rm "$output_file"
  start_driver --warn --ttl-ms 3000 bash -c 'trap "echo went on; exit 4" USR1; echo ready; while :; do sleep 0.01; done'
  wait_until 10 has_text 'runs on without it' "$output_file"
  wait_until 10 has_text ready "$output_file"
  kill -USR1 "$driver"
  finish_driver
  [ "$ending" = "exited 4 lost" ]

  rm "$output_file"
  start_driver --warn --ttl-ms 60000 --lose-after-ms 50 bash -c "$runs_on" "$output_file"
  finish_driver
  [ "$status" -eq 79 ]
  has_text 'went on' "$output_file"
}

@test "the status is the command's own or 79, even if it ends just at the deadline" {
  for step in {1..20}; do
    # TERM is due at 200 ms; again, if that was over before the start. Redlock has until the end of the lease to hear of a
    # command that ended by itself.
    until
      run_driver --ttl-ms 6200 --kill-after-ms 6000 bash -c "trap 'exit 5' TERM; sleep 0.$((180 + step))"
      [[ $(< "$report_file") != not-started* ]]
    do :; done
    case $status in
      0) [ "$(< "$report_file")" = "exited 0 held" ] ;;
      79) [ "$(< "$report_file")" = "stopped 0 lost" ] ;;
      *) false ;;
    esac
  done
}

# --- redlock or the guard dies or stops ------------------------------------------------------------------------------

@test "kill -9 of redlock: the whole tree is dead at once" {
  needs_the_processors
  start_stubborn --ttl-ms 60000
  local took
  took=$("$helpers/time-deaths.py" KILL "$driver" "${tree[@]}" "$guard")
  echo "# all dead after $took ms" >&3
  ((took <= kill_limit_ms))
}

@test "kill -9 of redlock: a command that handles TERM may clean up" {
  needs_the_processors
  start_driver --ttl-ms 60000 bash -c "trap 'echo cleaned up; exit' TERM; echo ready; while :; do sleep 0.01; done"
  wait_until 10 has_text ready "$output_file"
  kill -KILL "$driver"
  wait_until 10 has_text 'cleaned up' "$output_file"
}

@test "kill -9 of the guard: the whole tree is dead at once, and redlock says so" {
  needs_the_processors
  start_stubborn --ttl-ms 60000
  local took
  took=$("$helpers/time-deaths.py" KILL "$guard" "${tree[@]}")
  finish_driver
  echo "# all dead after $took ms" >&3
  ((took <= kill_limit_ms))
  [ "$status" -eq 71 ]
  [ "$ending" = "guard-died 0 held" ]
  has_text 'the guard process' "$output_file"
}

@test "kill -9 of redlock's whole process group: processes that called setsid are dead, too" {
  needs_the_processors
  # setsid(1) makes the driver the leader of a group, with its pid.
  setsid "$REDLOCK_LEASH_DRIVER" "$BATS_TEST_TMPDIR/stubborn" "$pid_file" > "$output_file" 2>&1 3>&- &
  driver=$!
  wait_until 10 has_lines 4 "$pid_file"
  mapfile -t tree < "$pid_file"
  local took
  took=$("$helpers/time-deaths.py" KILL "-$driver" "${tree[@]}")
  echo "# all dead after $took ms" >&3
  ((took <= kill_limit_ms))
}

@test "redlock stopped for longer than the lease: the tree is dead before the lease ends, and then redlock exits with 79" {
  needs_the_processors
  start_stubborn --ttl-ms 4000 --kill-after-ms 300 --extend-for-ms -1
  # The last extension may be as young as this moment.
  local took
  took=$("$helpers/time-deaths.py" STOP "$driver" "${tree[@]}")
  echo "# all dead $took ms after the stop, with a ttl of 4000 ms" >&3
  ((took < 4000))
  is_stopped "$driver"
  kill -CONT "$driver"
  finish_driver
  [ "$status" -eq 79 ]
  [ "$ending" = "stopped 0 lost" ]
}

@test "a stopped guard is continued at once, any number of times" {
  needs_the_processors
  start_driver --ttl-ms 60000 sleep 1000
  wait_until 10 find_guard
  local each
  for each in 1 2 3; do
    kill -STOP "$guard"
    wait_until 10 eval '! is_stopped "$guard"'
  done
  kill -STOP "$guard"
  kill -TERM "$driver"
  finish_driver
  [ "$ending" = "signalled 15 held" ]
}

@test "a guard that was stopped together with redlock is continued with it" {
  needs_the_processors
  start_driver --ttl-ms 60000 sleep 1000
  wait_until 10 find_guard
  stop_with_guard
  kill -CONT "$driver"
  wait_until 10 eval '! is_stopped "$guard"'
  kill -TERM "$driver"
  finish_driver
  [ "$ending" = "signalled 15 held" ]
}

@test "the guard frozen: redlock itself stops the tree before the lease ends" {
  needs_the_processors
  start_stubborn --ttl-ms 6000 --kill-after-ms 500 --end-file "$end_file"
  freeze "$guard"
  wait_until 20 all_dead "${tree[@]}"
  local left=$(($(< "$end_file") - ${EPOCHREALTIME/./}))
  finish_driver
  is_dead "$guard"
  [ "$status" -eq 79 ]
  [ "$ending" = "stopped 0 lost" ]
  echo "# dead $((left / 1000)) ms before the end" >&3
  ((left > 0))
}

@test "the guard frozen: the command gets TERM in time to clean up" {
  start_driver --ttl-ms 12000 --kill-after-ms 8000 \
    bash -c "trap 'echo cleaned up; exit' TERM; echo ready; while :; do sleep 0.01; done"
  wait_until 10 has_text ready "$output_file"
  find_guard
  freeze "$guard"
  finish_driver
  [ "$status" -eq 79 ]
  has_text 'cleaned up' "$output_file"
}

@test "the guard frozen: a signal that asks to end kills the command" {
  start_stubborn --ttl-ms 60000 --kill-after-ms 100
  freeze "$guard"
  kill -TERM "$driver"
  finish_driver
  [ "$status" -eq 71 ]
  [ "$ending" = "guard-died 0 held" ]
  all_dead "${tree[@]}"
}

@test "a fork bomb is dead before the lease ends" {
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "a sanitizer makes the guard too slow for this"
  needs_the_processors
  # A hundred processes that fork for ever, one that has another pid every millisecond; all leave the session.
  cat > "$BATS_TEST_TMPDIR/bomb" <<'EOF'
#!/usr/bin/python3
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
end = time.monotonic() + 20
hopper = os.fork() == 0
if not hopper:
    for _ in range(100):
        if os.fork() == 0:
            os.setsid()
            break
while time.monotonic() < end:
    if os.fork():
        if hopper:
            os._exit(0)
        time.sleep(0.2)
    elif hopper:
        os.setsid()
    else:
        time.sleep(0.2)
        os._exit(0)
EOF
  run_driver --ttl-ms 4000 --kill-after-ms 500 --end-file "$end_file" /usr/bin/python3 "$BATS_TEST_TMPDIR/bomb"
  local left=$(($(< "$end_file") - ${EPOCHREALTIME/./}))
  [ "$status" -eq 79 ]
  echo "# dead $((left / 1000)) ms before the end" >&3
  ((left > 0))
  run pgrep -f "$BATS_TEST_TMPDIR/bomb"
  [ "$status" -eq 1 ]
}

# A user other than root, "${as_another[@]}", who has the driver and a set-user-ID setpriv in $open_to_all.
prepare_another_user() {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to make a set-user-ID program"
  # A folder of its own: the way to the others may be closed to another user.
  open_to_all=$(mktemp -d "${TMPDIR:-/tmp}/redlock-e2e-open.XXXXXX")
  cp "$(command -v setpriv)" "$REDLOCK_LEASH_DRIVER" "$open_to_all"
  chmod 755 "$open_to_all"
  chmod 4755 "$open_to_all/setpriv"
  as_another=(setpriv --reuid=64321 --clear-groups --inh-caps=-all)
}

@test "redlock reports processes of another user that it cannot kill" {
  prepare_another_user
  run "${as_another[@]}" "$open_to_all/leash-driver" --ttl-ms 5000 "$open_to_all/setpriv" --reuid=0 true
  local can=$status
  run "${as_another[@]}" "$open_to_all/leash-driver" --ttl-ms 3000 "$open_to_all/setpriv" --reuid=0 sleep 8
  rm -rf "$open_to_all"
  [ "$can" -eq 0 ] || skip "set-user-ID has no effect here"
  [ "$status" -eq 79 ]
  [[ $output == *"1 of its processes"*"stop them" ]]
}

@test "redlock was killed: its guard reports processes of another user that it cannot kill, and that the lock ends" {
  prepare_another_user
  run "${as_another[@]}" "$open_to_all/leash-driver" --ttl-ms 5000 "$open_to_all/setpriv" --reuid=0 true
  [ "$status" -eq 0 ] || { rm -rf "$open_to_all"; skip "set-user-ID has no effect here"; }
  touch "$BATS_TEST_TMPDIR/stay"
  "${as_another[@]}" "$open_to_all/leash-driver" --ttl-ms 8000 "$open_to_all/setpriv" --reuid=0 \
    sh -c 'echo "pid $$"; while [ -e "$0" ]; do sleep 0.01; done' "$BATS_TEST_TMPDIR/stay" > "$output_file" 2>&1 3>&- &
  driver=$!
  wait_until 10 has_text pid "$output_file"
  local pid
  pid=$(sed -n 's/^pid //p' "$output_file")
  kill -KILL "$driver"
  wait_until 20 has_text '[12] of its processes that belong to another user: they run on without the lock' "$output_file"
  is_alive "$pid"
  rm "$BATS_TEST_TMPDIR/stay"
  rm -rf "$open_to_all"
  has_text "^redlock: warning: redlock itself was killed, and process $pid of its command belongs to another user" "$output_file"
  has_text '^redlock: redlock itself was killed: the command was stopped, but for [12] ' "$output_file"
}

@test "a process of another user that a cancelled command leaves is not said to be killed" {
  prepare_another_user
  run "${as_another[@]}" "$open_to_all/leash-driver" --ttl-ms 5000 "$open_to_all/setpriv" --reuid=0 true
  [ "$status" -eq 0 ] || { rm -rf "$open_to_all"; skip "set-user-ID has no effect here"; }
  touch "$BATS_TEST_TMPDIR/stay"
  "${as_another[@]}" "$open_to_all/leash-driver" --ttl-ms 8000 --kill-after-ms 2500 bash -c '
    "$1" --reuid=0 sh -c "echo ready; while [ -e \"\$0\" ]; do sleep 0.01; done" "$0" & wait' \
    "$BATS_TEST_TMPDIR/stay" "$open_to_all/setpriv" > "$output_file" 2>&1 3>&- &
  driver=$!
  wait_until 10 has_text ready "$output_file"
  kill -TERM "$driver"
  wait "$driver" || :
  rm "$BATS_TEST_TMPDIR/stay"
  rm -rf "$open_to_all"
  cat "$output_file"
  has_text "warning: cannot kill process [0-9]* ('sh'), which belongs to another user: waiting for it until the lease ends" "$output_file"
  has_text 'the command was ended, but for [12] of its processes' "$output_file"
  ! has_text 'which was killed' "$output_file"
}

@test "a signal that the command cannot be sent, since it belongs to another user, is told" {
  prepare_another_user
  run "${as_another[@]}" "$open_to_all/leash-driver" --ttl-ms 5000 "$open_to_all/setpriv" --reuid=0 true
  [ "$status" -eq 0 ] || { rm -rf "$open_to_all"; skip "set-user-ID has no effect here"; }
  touch "$BATS_TEST_TMPDIR/stay"
  "${as_another[@]}" "$open_to_all/leash-driver" "$open_to_all/setpriv" --reuid=0 \
    sh -c 'echo ready; while [ -e "$0" ]; do sleep 0.01; done; exit 7' "$BATS_TEST_TMPDIR/stay" > "$output_file" 2>&1 3>&- &
  driver=$!
  wait_until 10 has_text ready "$output_file"
  kill -TERM "$driver"
  wait_until 10 has_text 'warning: cannot pass TERM on to the command (pid [0-9]*), which belongs to another user: it runs on' "$output_file"
  kill -TERM "$driver"
  kill -USR1 "$driver"
  wait_until 10 has_text 'cannot pass USR1 on' "$output_file"
  rm "$BATS_TEST_TMPDIR/stay"
  status=0
  wait "$driver" || status=$?
  rm -rf "$open_to_all"
  [ "$status" -eq 7 ]
  [ "$(grep -c 'cannot pass TERM on' "$output_file")" -eq 1 ]
}

# --- signals ---------------------------------------------------------------------------------------------------------

@test "every signal that can be passed on reaches the command" {
  local signals=(HUP INT QUIT TERM USR1 USR2 ALRM VTALRM PROF IO PWR STKFLT WINCH CONT TSTP TTIN TTOU RTMIN RTMAX)
  start_driver "$helpers/tell-signals.py" ${#signals[@]}
  wait_until 10 has_text ready "$output_file"
  local count=1
  for signal in "${signals[@]}"; do
    kill -"$signal" "$driver"
    wait_until 10 has_lines $((++count)) "$output_file"
  done
  finish_driver
  echo "status $status, $ending"
  [ "$status" -eq 7 ]
  local expected=ready
  for signal in "${signals[@]}"; do expected+=" SIG$signal"; done
  [ "$(sed 's/ready .*/ready/; s/SIGPOLL/SIGIO/' "$output_file" | paste -sd ' ')" = "$expected" ]
}

@test "the same signal twice is passed on twice" {
  start_driver "$helpers/tell-signals.py" 3
  wait_until 10 has_text ready "$output_file"
  for count in 2 3 4; do
    kill -TERM "$driver"
    wait_until 10 has_lines $count "$output_file"
  done
  finish_driver
  [ "$status" -eq 7 ]
}

@test "the command has the signal mask and the ignored signals that redlock found" {
  local outside inside
  local as_found=(env --ignore-signal=HUP,USR1,CHLD,PIPE,XFSZ,TSTP --block-signal=TERM,WINCH)
  outside=$("${as_found[@]}" grep '^Sig[BIC]' /proc/self/status)
  inside=$("${as_found[@]}" "$REDLOCK_LEASH_DRIVER" grep '^Sig[BIC]' /proc/self/status)
  [ "$outside" = "$inside" ]
  outside=$(env --default-signal grep '^Sig[BIC]' /proc/self/status)
  inside=$(env --default-signal "$REDLOCK_LEASH_DRIVER" grep '^Sig[BIC]' /proc/self/status)
  [ "$outside" = "$inside" ]
}

@test "a timer that redlock was started with expires for the command" {
  run -7 /usr/bin/python3 -c 'import os, signal, sys; signal.setitimer(signal.ITIMER_REAL, 3); os.execv(sys.argv[1], sys.argv[1:])' \
    "$REDLOCK_LEASH_DRIVER" "$helpers/tell-signals.py" 1
  [[ $output == *SIGALRM* ]]
}

@test "a standard error file that may not grow does not end the run" {
  run bash -c 'ulimit -f 0; exec "$@" 2>> "$0"' "$BATS_TEST_TMPDIR/full" \
    "$REDLOCK_LEASH_DRIVER" --warn --ttl-ms 300 bash -c 'sleep 0.5; exit 4'
  [ "$status" -eq 79 ] # it has lost its lease, and not been killed by SIGXFSZ (153)
  # The command gets the signal as ever.
  run bash -c 'ulimit -f 0; exec "$@" > "$0"' "$BATS_TEST_TMPDIR/full" "$REDLOCK_LEASH_DRIVER" /bin/echo text
  [ "$status" -eq $((128 + $(kill -l XFSZ))) ]
}

@test "under nohup, HUP is not passed on" {
  nohup "$REDLOCK_LEASH_DRIVER" "$helpers/tell-signals.py" 1 > "$output_file" 2>&1 3>&- &
  driver=$!
  wait_until 10 has_text ready "$output_file"
  kill -HUP "$driver"
  kill -USR1 "$driver"
  status=0
  wait "$driver" || status=$?
  [ "$status" -eq 7 ]
  has_text SIGUSR1 "$output_file"
  ! has_text SIGHUP "$output_file"
}

@test "redlock reaps and knows the status even if it is started with SIGCHLD ignored" {
  run env --ignore-signal=CHLD "$REDLOCK_LEASH_DRIVER" sh -c 'sleep 0.05; exit 9'
  [ "$status" -eq 9 ]
}

# --- descriptors -----------------------------------------------------------------------------------------------------

@test "the command has the descriptors that redlock was given, and no others" {
  local list='ls /proc/self/fd | paste -sd " "'
  local outside inside
  outside=$(bash -c "$list" 5< /dev/null 7> /dev/null)
  inside=$("$REDLOCK_LEASH_DRIVER" bash -c "$list" 5< /dev/null 7> /dev/null)
  [ "$outside" = "$inside" ]
}

@test "standard descriptors that were closed are closed in the command" {
  local list="ls /proc/self/fd > $BATS_TEST_TMPDIR/"
  bash -c "${list}outside" <&- >&- 2>&- 3>&-
  "$REDLOCK_LEASH_DRIVER" bash -c "${list}inside" <&- >&- 2>&- 3>&-
  diff "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/inside"
}

# --- processes -------------------------------------------------------------------------------------------------------

@test "orphans of a running command are reaped" {
  start_driver bash -c "for i in {1..20}; do (sleep 0 & ) ; done; echo ready; exec sleep 1000"
  wait_until 10 has_text ready "$output_file"
  find_guard
  no_zombies() { [ -z "$(ps -o stat= --ppid "$guard" | grep Z)" ]; }
  wait_until 10 no_zombies
  kill -TERM "$driver"
  finish_driver
  [ "$status" -eq 143 ]
}

@test "the guard keeps no file of redlock open but standard error" {
  [ "$(id -u)" -eq 0 ] || skip "needs root: the guard shows its files to nobody else"
  start_driver sleep 1000
  wait_until 10 find_guard
  # Four of its own, and two of /proc.
  few_open() { [ "$(ls "/proc/$guard/fd" | wc -l)" -eq 7 ]; }
  wait_until 10 few_open
  [ "$(readlink "/proc/$guard/fd/2")" = "$output_file" ]
  kill -TERM "$driver"
  finish_driver
  [ "$status" -eq 143 ]
}

@test "an idle redlock and its guard use no processor time" {
  start_driver --ttl-ms 60000 sleep 1000
  wait_until 10 find_guard
  wait_until 10 eval '[ "$(ps -o comm= -p "$guard")" = lock-guard ]'
  wait_until 10 pgrep -P "$driver" -x lock-witness # which redlock starts last
  switches() { awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$driver/status" "/proc/$guard/status"; }
  asleep() { [ "$(ps -o stat= -p "$driver" | cut -c1)$(ps -o stat= -p "$guard" | cut -c1)" = SS ]; }
  wait_until 10 asleep
  local before
  before=$(switches)
  sleep 1 # the length of the observation, not a wait for something
  [ "$(switches)" -eq "$before" ]
}

@test "as PID 1 of a container, redlock treats signals, status and orphans as elsewhere" {
  unshare --pid --fork --mount-proc true 2> /dev/null || skip "no right to make a pid namespace"
  unshare --pid --fork --kill-child --mount-proc "$REDLOCK_LEASH_DRIVER" "$helpers/tell-signals.py" 1 > "$output_file" 3>&- &
  local unshare=$!
  wait_until 10 has_text ready "$output_file"
  driver=$(pgrep -P "$unshare")
  kill -TERM "$driver"
  status=0
  wait "$unshare" || status=$?
  [ "$status" -eq 7 ]
  has_text SIGTERM "$output_file"

  run unshare --pid --fork --kill-child --mount-proc "$REDLOCK_LEASH_DRIVER" --ttl-ms 600 \
    bash -c "trap '' TERM; (setsid sleep 1000 &) ; while :; do sleep 1; done"
  [ "$status" -eq 79 ]
}

# --- terminals -------------------------------------------------------------------------------------------------------

@test "Ctrl-C reaches the command exactly once, and a command that goes on keeps its lock" {
  # Ten times: of two signals that arrive together one is lost, and would not be missed.
  local steps=('see ready')
  for _ in {1..10}; do steps+=('type \x03' 'see SIGINT'); done
  steps+=('run sleep 3.5') # beyond the end of the first lease
  run "$helpers/terminal.py" \
    "type $REDLOCK_LEASH_DRIVER --ttl-ms 3000 --kill-after-ms 100 --extend-for-ms -1 $helpers/tell-signals.py 11; echo code=\$?\r" \
    "${steps[@]}" 'type \x1c' 'see SIGQUIT' 'see code=7'
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "Ctrl-C that ends the command ends the run with 130" {
  run "$helpers/terminal.py" "type $REDLOCK_LEASH_DRIVER bash -c 'echo rea\"\"dy; exec sleep 1000'\r" \
    'see ready' 'type \x03' 'see PROMPT> ' 'type echo code=$?\r' 'see code=130'
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "Ctrl-Z suspends the job and fg brings it back" {
  local steps=()
  for _ in {1..4}; do steps+=('type \x1a' 'see Stopped' 'see PROMPT> ' 'type fg\r' 'see leash-driver' 'see back'); done
  cat > "$BATS_TEST_TMPDIR/job" <<'EOF'
#!/usr/bin/python3
import os, signal
signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"back\n"))
os.write(1, b"ready\n")
line = b""
while not line.endswith(b"\n"):
    line += os.read(0, 100)
os.write(1, b"got=" + line)
os._exit(4)
EOF
  chmod +x "$BATS_TEST_TMPDIR/job"
  run "$helpers/terminal.py" "type $REDLOCK_LEASH_DRIVER --ttl-ms 60000 $BATS_TEST_TMPDIR/job\r" 'see ready' \
    "${steps[@]}" 'type hello\r' 'see got=hello' 'see PROMPT> ' 'type echo code=$?\r' 'see code=4'
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "a job that was suspended beyond its lease is killed, not continued" {
  run "$helpers/terminal.py" \
    "type $REDLOCK_LEASH_DRIVER --ttl-ms 4000 --extend-for-ms -1 bash -c 'echo \$\$ > $pid_file; echo rea\"\"dy; read -r line; touch $BATS_TEST_TMPDIR/went-on'\r" \
    'see ready' 'type \x1a' 'see Stopped' 'see PROMPT> ' \
    "type while kill -0 \$(cat $pid_file) 2> /dev/null; do sleep 0.05; done; echo go\"\"ne\r" 'see gone' \
    'type fg; echo code=$?\r' 'see the lock was lost' 'see code=79'
  echo "$output"
  [ "$status" -eq 0 ]
  [ ! -e "$BATS_TEST_TMPDIR/went-on" ]
}

@test "a command in the background that reads the terminal suspends the job" {
  run "$helpers/terminal.py" \
    "type $REDLOCK_LEASH_DRIVER --ttl-ms 30000 bash -c 'read -r line; echo got=\$line' &\r" \
    'see PROMPT> ' "type while ! jobs | grep -q Stopped; do sleep 0.05; done; echo sus\"\"pended\r" 'see suspended' \
    'type fg\r' 'see leash-driver' 'type hello\r' 'see got=hello'
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "Ctrl-Z does not stop the command if no shell could continue it" {
  run "$helpers/terminal.py" \
    "type exec $REDLOCK_LEASH_DRIVER --ttl-ms 30000 bash -c 'echo rea\"\"dy; read -r line; echo got=\$line'\r" \
    'see ready' 'type \x1a' 'type hello\r' 'see got=hello'
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "the command hears of a terminal that hangs up, even if redlock leads the session" {
  local run="$REDLOCK_LEASH_DRIVER --ttl-ms 30000 bash -c 'trap \"echo hung-up > $output_file; exit\" HUP; echo rea\"\"dy; while :; do sleep 0.05; done'"
  run "$helpers/terminal.py" "type $run\r" 'see ready' 'hang up'
  wait_until 10 has_text hung-up "$output_file"
  rm "$output_file"
  run "$helpers/terminal.py" "type exec $run\r" 'see ready' 'hang up'
  wait_until 10 has_text hung-up "$output_file"
}
