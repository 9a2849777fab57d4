#!/usr/bin/env bats
# redlock as a job of a shell: what the shell, the terminal and the ends of pipes notice of it. Without Redis.

bats_require_minimum_version 1.5.0
load lib/process.bash

setup() { process_setup; }
teardown() { process_teardown; }

at_terminal() {
  run "$helpers/terminal.py" "$@"
  echo "$output"
  [ "$status" -eq 0 ]
}

# --- Ctrl-C in a loop ------------------------------------------------------------------------------------------------

@test "Ctrl-C ends a loop of runs in the shell, since redlock dies of it as the command does" {
  local loop="for i in 1 2 3; do $REDLOCK_LEASH_DRIVER sh -c 'echo rea\"\"dy; exec sleep 1000'; echo next\$i; done\r"
  at_terminal "type $loop" 'see ready' 'type \x03' 'see PROMPT> ' 'type echo after=$((6*7))\r' 'see after=42'
  [[ $output != *next1* ]]
}

@test "Ctrl-C ends the loop of a script, too, in every shell" {
  for shell in bash dash zsh; do
    [ -n "$(command -v "$shell")" ] || continue
    echo "for i in 1 2 3; do $REDLOCK_LEASH_DRIVER sh -c 'echo ready; exec sleep 1000'; echo next\$i; done" > "$BATS_TEST_TMPDIR/loop"
    at_terminal "type $shell $BATS_TEST_TMPDIR/loop\r" 'see ready' 'type \x03' 'see PROMPT> ' \
      'type echo after=$((6*7))\r' 'see after=42'
    [[ $output != *next1* ]]
  done
}

@test "redlock exits with a status after a signal from kill(1), and after a Ctrl-C that the command handles" {
  # bash cannot tell 130 from a death by INT; this can.
  run /usr/bin/python3 -c '
import signal, subprocess, sys
run = subprocess.Popen([sys.argv[1], "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE)
run.stdout.readline()
run.send_signal(signal.SIGINT)
print(run.wait())' "$REDLOCK_LEASH_DRIVER"
  [ "$output" = 130 ]
  at_terminal "type $REDLOCK_LEASH_DRIVER bash -c 'trap \"exit 5\" INT; echo rea\"\"dy; while :; do sleep 0.01; done'; echo code=\$?\r" \
    'see ready' 'type \x03' 'see code=5'
}

# --- a shell as the command -------------------------------------------------------------------------------------------

@test "a shell that suspends itself suspends the job, and fg brings both back" {
  at_terminal "type PS1='INNER> ' $REDLOCK_LEASH_DRIVER --ttl-ms 60000 bash --norc --noprofile --noediting -i\r" 'see INNER> ' \
    'type suspend\r' 'see Stopped' 'see PROMPT> ' 'type fg\r' 'see leash-driver' 'see INNER> ' \
    'type echo in=$((6*7))\r' 'see in=42' 'type suspend\r' 'see Stopped' 'see PROMPT> ' 'type fg\r' 'see leash-driver' 'see INNER> ' \
    'type exit 5\r' 'see PROMPT> ' 'type echo code=$?\r' 'see code=5'
}

@test "a command that stops itself suspends the job only in the foreground" {
  at_terminal "type $REDLOCK_LEASH_DRIVER --ttl-ms 60000 sh -c 'echo rea\"\"dy; kill -STOP \$\$; echo went=on; exit 3'\r" \
    'see ready' 'see Stopped' 'see PROMPT> ' 'type fg\r' 'see went=on' 'see PROMPT> ' 'type echo code=$?\r' 'see code=3'

  start_driver --ttl-ms 60000 sh -c "echo \$\$ > $pid_file; kill -STOP \$\$; exit 3"
  wait_until 10 has_lines 1 "$pid_file"
  wait_until 10 is_stopped "$(< "$pid_file")"
  find_guard
  wait_until 10 eval '[[ $(ps -o stat= -p "$guard") == S* ]]' # it has heard of the stop
  [[ $(ps -o stat= -p "$driver") != T* ]]
  kill -CONT "$(< "$pid_file")"
  finish_driver
  [ "$status" -eq 3 ]
}

# Ctrl-Z and fg, with the command line given, which runs the script `inner`: a redlock whose command reads a line.
suspend_nested() {
  cat > "$BATS_TEST_TMPDIR/inner" <<EOF
echo \$\$ > $pid_file
exec $REDLOCK_LEASH_DRIVER sh -c 'echo \$\$ >> $pid_file; echo rea""dy; read -r line; echo got=\$line'
EOF
  at_terminal "type $1\r" 'see ready' 'type \x1a' 'see Stopped' 'see PROMPT> ' \
    "run for pid in \$(cat $pid_file); do until grep -q '^State:.T' /proc/\$pid/status; do sleep 0.01; done; done" \
    'type fg\r' 'see leash-driver' 'type hello\r' 'see got=hello' 'see PROMPT> '
}

@test "Ctrl-Z suspends all of a job in which redlock runs under redlock, and fg brings all of it back" {
  suspend_nested "$REDLOCK_LEASH_DRIVER sh $BATS_TEST_TMPDIR/inner"
  suspend_nested "$REDLOCK_LEASH_DRIVER $REDLOCK_LEASH_DRIVER sh -c 'sh $BATS_TEST_TMPDIR/inner; true'"
}

@test "a redlock under redlock that no shell watches does not stop itself, since nobody would continue it" {
  cat > "$BATS_TEST_TMPDIR/stops" <<'EOF'
(until grep -q '^State:.T' /proc/$$/status; do sleep 0.01; done; sleep 0.1; kill -CONT $$) &
kill -STOP $$
EOF
  at_terminal "type exec $REDLOCK_LEASH_DRIVER sh -c '$REDLOCK_LEASH_DRIVER sh $BATS_TEST_TMPDIR/stops; echo after=\$((6*7)); read line'\r" \
    'see after=42'
}

@test "the job gets the terminal back when a shell that had it is killed" {
  cat > "$BATS_TEST_TMPDIR/script" <<EOF
PS1='INNER> ' $REDLOCK_LEASH_DRIVER --ttl-ms 5000 --kill-after-ms 100 bash --norc --noprofile --noediting -i
echo code=\$?
read -r line < /dev/tty
echo got=\$line
EOF
  at_terminal "type sh $BATS_TEST_TMPDIR/script\r" 'see INNER> ' 'see the lock was lost' 'see code=79' \
    'type hello\r' 'see got=hello' 'see PROMPT> '
}

# A shell under redlock, which takes the terminal when a command of it dies of TERM, while redlock gets the signal given:
# afterwards the terminal is that of the shell that redlock was started by. $2: a command line to run redlock by.
lose_redlock() {
  cat > "$BATS_TEST_TMPDIR/inner" <<EOF
ps -o ppid= -p \$PPID > $pid_file
echo \$PPID >> $pid_file
exec env PS1='INNER> ' bash --norc --noprofile --noediting -i
EOF
  echo "$REDLOCK_LEASH_DRIVER --ttl-ms 4000 --kill-after-ms 400 --extend-for-ms -1 sh $BATS_TEST_TMPDIR/inner" > "$BATS_TEST_TMPDIR/outer"
  cat > "$BATS_TEST_TMPDIR/lose" <<EOF
read -r shell < $BATS_TEST_TMPDIR/shell
{ read -r redlock; read -r guard; } < $pid_file
until pgrep -P "\$redlock" -x lock-witness; do sleep 0.01; done
kill -$1 \$redlock
while grep -q '^State:.[^Z]' /proc/\$guard/status; do sleep 0.01; done
until [ \$(ps -o tpgid= -p \$shell) = \$(ps -o pgid= -p \$shell) ]; do sleep 0.01; done
EOF
  at_terminal "type echo \$\$ > $BATS_TEST_TMPDIR/shell\r" 'see PROMPT> ' "type $2 $BATS_TEST_TMPDIR/outer\r" 'see INNER> ' \
    "type sh -c 'echo rea\"\"dy; exec sleep 1000'\r" 'see ready' "run sh $BATS_TEST_TMPDIR/lose" \
    'type echo first=$((6*7))\r' 'see first=42' 'type echo second=$((6*7))\r' 'see second=42'
  [[ $output != *"stopped jobs"* ]] # what bash says when it reads the end of its input, the first time
}

@test "the outer shell gets the terminal back when redlock is killed under a shell that has it" {
  needs_the_processors
  lose_redlock KILL .
  lose_redlock KILL bash
}

@test "the outer shell gets the terminal back when redlock is stopped for so long that its command is killed" {
  needs_the_processors
  lose_redlock STOP .
}

# --- signals to all of the job ----------------------------------------------------------------------------------------

# Starts the command given under a driver that leads a group of its own, which is $driver.
start_job() {
  setsid env --default-signal=INT,QUIT "$REDLOCK_LEASH_DRIVER" --report "$report_file" "$@" > "$output_file" 2>&1 3>&- &
  driver=$!
  wait_until 10 has_text ready "$output_file"
  wait_until 10 pgrep -P "$driver" -x lock-witness
  find_guard
}
# What the command has been told by now: another signal comes behind all others.
told() {
  kill -USR2 "$driver"
  wait_until 10 has_text USR2 "$output_file"
  sed '1d; s/SIG//' "$output_file" | paste -sd ' '
}

@test "a signal to the whole job that asks to end reaches the command once" {
  needs_the_processors # the witness has 20 ms
  start_job "$helpers/tell-signals.py" 100
  for signal in TERM HUP INT QUIT; do
    kill -"$signal" -- "-$driver"
    wait_until 10 has_text "$signal" "$output_file"
  done
  [ "$(told)" = "TERM HUP INT QUIT USR2" ]
}

@test "a signal to redlock alone reaches the command, even if others of the job were signalled before or one by one" {
  start_job "$helpers/tell-signals.py" 100
  local witness
  witness=$(pgrep -P "$driver" -x lock-witness)
  kill -TERM "$witness"
  bash -c 'kill -TERM "$1"' - "$driver"
  wait_until 10 has_text TERM "$output_file"
  kill -INT "$witness" "$guard" "$driver" # as pkill -f does
  wait_until 10 has_text INT "$output_file"
  kill -KILL "$witness"
  kill -HUP "$driver"
  wait_until 10 has_text HUP "$output_file"
  [ "$(told)" = "TERM INT HUP USR2" ]
}

# Whether redlock has taken the signal of that number: it is pending no longer.
has_taken() {
  local pending
  pending=$(sed -n 's/^ShdPnd:\s*/0x/p' "/proc/$driver/status")
  ((!(pending >> ($1 - 1) & 1)))
}

@test "a signal to redlock alone reaches the command when the same sender has just sent it to the whole job" {
  needs_the_processors # the witness has 20 ms
  start_job "$helpers/tell-signals.py" 100
  for signal in TERM HUP INT QUIT; do
    kill -"$signal" -- "-$driver"
    wait_until 10 has_text "$signal" "$output_file"
    wait_until 10 has_taken "$(kill -l "$signal")"
    kill -"$signal" "$driver"
    wait_until 10 eval '(($(grep -c "$signal" "$output_file") == 2))'
  done
  [ "$(told)" = "TERM TERM HUP HUP INT INT QUIT QUIT USR2" ]
}

@test "a signal to the whole job reaches the command once, even if the witness was stopped" {
  needs_the_processors # the witness has 20 ms
  start_job "$helpers/tell-signals.py" 100
  local witness
  witness=$(pgrep -P "$driver" -x lock-witness)
  kill -STOP "$witness"
  wait_until 10 is_stopped "$witness"
  kill -TERM -- "-$driver"
  wait_until 10 has_text TERM "$output_file"
  [ "$(told)" = "TERM USR2" ]
}

@test "a signal to the whole job reaches a command that has left it" {
  start_job setsid "$helpers/tell-signals.py" 100
  kill -TERM -- "-$driver"
  wait_until 10 has_text TERM "$output_file"
  [ "$(told)" = "TERM USR2" ]
}

@test "killing redlock by its name hits redlock alone: the witness has another name, no arguments and no open files" {
  start_job "$helpers/tell-signals.py" 100
  local witness
  witness=$(pgrep -P "$driver" -x lock-witness)
  wait_until 10 eval '[ "$(tr -d "\0" < "/proc/$witness/cmdline")" = lock-witness ]'
  wait_until 10 eval '[ -z "$(ls "/proc/$witness/fd")" ]'
  kill -KILL "$driver"
  wait_until 10 is_dead "$witness"
}

# --- pipes -----------------------------------------------------------------------------------------------------------

@test "the reader of a pipe notices when the command closes its end" {
  local eof=$BATS_TEST_TMPDIR/eof broken=$BATS_TEST_TMPDIR/broken other=$BATS_TEST_TMPDIR/other
  mkfifo "$other.pipe"
  { cat > /dev/null; touch "$other"; } < "$other.pipe" 3>&- &
  { trap '' PIPE; while echo line; do sleep 0.01; done 2> /dev/null; touch "$broken"; } 3>&- |
    env --default-signal=INT,QUIT,PIPE "$REDLOCK_LEASH_DRIVER" sh -c "exec <&- >&- 7>&-; echo \$\$ > $pid_file; exec sleep 1000" \
      2> "$output_file" 7> "$other.pipe" 3>&- |
    { cat > /dev/null; touch "$eof"; } 3>&- &
  wait_until 10 test -e "$eof"
  wait_until 10 test -e "$broken"
  wait_until 10 test -e "$other"
  wait_until 10 has_lines 1 "$pid_file"
  is_alive "$(< "$pid_file")"
  kill -KILL "$(< "$pid_file")"
}
