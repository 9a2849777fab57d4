#!/usr/bin/env bats
# `redlock fence`: the resource's side. Without Redis.

load lib/redlock.bash

setup_file() { isolate; }
setup() {
  redlock_setup
  cd "$BATS_TEST_TMPDIR"
  unset REDLOCK_FENCE
}
teardown() {
  unfreeze
  redlock_teardown
}

try_fence() { try "$REDLOCK" fence "$@"; }

# Fails unless nothing was run, and the one line on stderr says $2.
refused() {
  [ "$status" -eq "$1" ]
  [ ! -e ran ]
  [ -z "$output" ]
  [ "$(wc -l <<< "$stderr")" -eq 1 ]
  [[ $stderr == "redlock: "*"$2"* ]]
}

# start_command FILE FENCE [SCRIPT]: a command that holds FILE until end_command. Its pid in $marks/pid, redlock's in $redlock.
# The shell needs no other program for that, which would hold FILE, too, until it has ended.
start_command() {
  start_redlock command fence "$1" --fence "$2" -- sh -c "${3:-:}; echo \$\$ > '$marks/pid'; exec sleep 1000"
  wait_until 20 has_lines 1 "$marks/pid"
  started+=("$(< "$marks/pid")")
}
end_command() {
  kill -TERM "$redlock"
  finish "$redlock"
  rm -f "$marks/pid"
  [ "$status" -eq 143 ]
}

# With the standard descriptors alone, and others that are opened in the script: bats has some of its own.
with_few_descriptors() { python3 -c 'import os, sys; os.closerange(3, 1000); os.execvp("bash", ["bash", "-c"] + sys.argv[1:])' "$@"; }

is_locked() { ! flock -n "$1" true; }
is_free() { flock -n "$1" true; }
waits_for_lock() { grep -q "FLOCK *ADVISORY *WRITE $1 " <(grep -e '->' /proc/locks); }

@test "a fence that is greater than all before, or the greatest again, runs the command; a lesser one does not" {
  try_fence f --fence 41 -- echo first
  [ "$status" -eq 0 ]
  [ "$output" = first ]
  [ "$stderr" = "redlock: created 'f', which had seen no fence" ]
  try_fence f --fence 42 -- echo second
  [ "$output" = second ]
  [ -z "$stderr" ]
  try_fence f --fence 42 -- echo again
  [ "$output" = again ]
  try_fence f --fence 41 -- touch ran
  refused 1 "fence 41 is stale: 'f' has seen 42"
  [[ $stderr == *"the command was not run" ]]
  [ "$(cat f)" = "              42" ]
}

@test "without a command the fence is checked and recorded, and without a fence the greatest is shown" {
  : > f
  try_fence f
  [ "$status" -eq 0 ]
  [ "$output" = 0 ]
  try_fence f --fence 7
  [ "$status" -eq 0 ]
  [ -z "$output$stderr" ]
  REDLOCK_FENCE=9 try_fence f
  [ "$output" = 7 ]
  try_fence f --fence 6
  refused 1 'is stale'
  try_fence no-such-file
  refused 71 "cannot use 'no-such-file' as a fence file: no such file"
  [ ! -e no-such-file ]
}

@test "the fence is shown while a command holds the file" {
  start_command f 5
  try_fence f
  [ "$output" = 5 ]
  end_command
}

@test "the fence comes from the option, else from the environment" {
  REDLOCK_FENCE=5 try_fence f -- true
  [ "$status" -eq 0 ]
  REDLOCK_FENCE=9 try_fence f --fence 6 -- sh -c 'echo $REDLOCK_FENCE'
  [ "$output" = 6 ]
  try_fence f
  [ "$output" = 6 ]
}

@test "without a good fence nothing is run, and nothing is created" {
  try_fence f -- touch ran
  refused 64 'no fence'
  REDLOCK_FENCE='' try_fence f -- touch ran
  refused 64 'no fence'
  for wrong in '' 0 -1 +1 x 1.5 1e3 0x10 ' 1' '1 ' $'1\n' 9007199254740992 18446744073709551616 99999999999999999999999; do
    try_fence f "--fence=$wrong" -- touch ran
    refused 64 '--fence'
    [[ -z $wrong ]] || { REDLOCK_FENCE=$wrong try_fence f -- touch ran; refused 64 REDLOCK_FENCE; }
  done
  [ ! -e f ]
  try_fence f --fence 9007199254740991 -- true
  [ "$status" -eq 0 ]
}

@test "a command line that makes no sense is a usage error" {
  for line in '' 'f --fence 1 true' 'f g' 'f --' 'f --fence 1 --' 'f -n' 'f -w 1s' 'f -E 3' 'f --fence 1 -E 256 -- true' \
    'f --fence 1 -n -w 1s -- true' 'f --fence 1 -w x -- true' 'f -c x' 'f --node redis://x'; do
    # shellcheck disable=SC2086 # words
    try_fence $line
    [ "$status" -eq 64 ] || { echo "$line: $status"; return 1; }
  done
  [ ! -e f ]
}

@test "no configuration is read, and no node is asked" {
  echo 'no = [ toml' > bad.toml
  REDLOCK_CONFIG=$PWD/bad.toml REDLOCK_NODES=no://url REDLOCK_WAIT=x REDLOCK_TTL=x try "$REDLOCK" -q fence f --fence 1 -- echo ok
  [ "$status" -eq 0 ]
  [ "$output" = ok ]
  [ -z "$stderr" ]
}

@test "what is no fence file is refused, and left as it is" {
  mkdir folder
  echo 5 > target
  ln -s target link
  ln -s nowhere dangling
  mkfifo fifo
  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
  for file in folder:directory link:'symbolic link' dangling:'symbolic link' fifo:FIFO socket:socket /dev/null:device; do
    for arguments in '--fence 9 -- touch ran' '--fence 9' ''; do
      # shellcheck disable=SC2086 # words
      try timeout 20 "$REDLOCK" fence "${file%%:*}" $arguments
      refused 71 "as a fence file: it is a ${file#*:}"
    done
  done
  [ "$(< target)" = 5 ]
  [ ! -e nowhere ]
  for content in 'hello\n' '5 6\n' '5\n6\n' '-5\n' '\0\0\0\0' '9007199254740992\n' '1234567890123456789\n' '\033[2J\n'; do
    # shellcheck disable=SC2059 # escapes
    printf -- "$content" > foreign
    cp foreign before
    for arguments in '--fence 9 -- touch ran' '--fence 9' ''; do
      # shellcheck disable=SC2086 # words
      try_fence foreign $arguments
      refused 71 "cannot use 'foreign' as a fence file: it holds something other than one number"
      cmp foreign before
    done
  done
  truncate -s 10M foreign
  try_fence foreign --fence 9 -- touch ran
  refused 71 'it holds '
  try_fence folder/no/file --fence 9 -- touch ran
  refused 71 'no such file'
  try_fence '' --fence 9 -- touch ran
  [ "$status" -ne 0 ]
  [ ! -e ran ]
}

@test "a line that a person has written counts, and gets the usual width" {
  echo 5 > f
  try_fence f --fence 4 -- touch ran
  refused 1 "'f' has seen 5"
  [ "$(< f)" = 5 ]
  try_fence f --fence 6 -- true
  [ "$(stat -c %s f)" -eq 17 ]
  [ "$(cat f)" = "               6" ]
  printf 0007 > f
  try_fence f
  [ "$output" = 7 ]
}

@test "the file is created as the umask says" {
  for mask in 077:600 022:644 002:664 000:666; do
    rm -f f
    (umask "${mask%:*}" && "$REDLOCK" fence f --fence 1 -- true)
    [ "$(stat -c %a f)" = "${mask#*:}" ]
  done
}

@test "a user without rights is told so" {
  ((UID == 0)) || skip "needs root to become another user"
  command -v setpriv > /dev/null || skip "setpriv is not installed"
  mkdir open closed
  chmod 755 "$BATS_TEST_TMPDIR" closed
  chmod 1777 open
  "$REDLOCK" fence open/theirs --fence 5 -- true
  cp "$REDLOCK" open/redlock
  as_nobody() { try setpriv --reuid=65534 --regid=65534 --clear-groups open/redlock fence "$@"; }
  as_nobody open/theirs
  [ "$status" -eq 0 ] || skip "another user cannot get at this folder"
  [ "$output" = 5 ]
  as_nobody open/theirs --fence 9 -- touch ran
  refused 71 "cannot use 'open/theirs' as a fence file: permission denied"
  as_nobody closed/new --fence 9 -- touch ran
  refused 71 'permission denied'
  chmod 600 open/theirs
  as_nobody open/theirs
  refused 71 'permission denied'
  # A folder like /tmp: root may use the file of another.
  as_nobody open/mine --fence 5 -- true
  [ "$status" -eq 0 ]
  try_fence open/mine --fence 6 -- true
  [ "$status" -eq 0 ]
}

# The script has a mount namespace of its own.
in_namespace() {
  ((UID == 0)) && unshare -m true 2> /dev/null || skip "mounts are not permitted"
  try unshare -m bash -c "$@"
}

@test "on a read-only file system nothing is run" {
  mkdir folder
  "$REDLOCK" fence folder/f --fence 5 -- true
  in_namespace 'mount --bind folder folder && mount -o remount,bind,ro folder && "$REDLOCK" fence folder/f &&
    exec "$REDLOCK" fence folder/f --fence 6 -- touch ran'
  [ "$status" -eq 71 ]
  [ "$output" = 5 ]
  [[ $stderr == *"read-only file system" ]]
  [ ! -e ran ]
}

@test "on a full disk nothing is run, and once there is room again all is well" {
  mkdir disk
  in_namespace 'mount -t tmpfs -o size=64k none disk && head -c 1M /dev/zero > disk/filler 2> /dev/null
    "$REDLOCK" fence disk/f --fence 6 -- touch ran; echo $?
    rm disk/filler; "$REDLOCK" fence disk/f --fence 5 -- echo ok; cat disk/f'
  [ "${lines[0]}" = 71 ]
  [ "${lines[1]}" = ok ]
  [ "${lines[2]}" = "               5" ]
  [[ $stderr == "redlock: cannot record fence 6 in 'disk/f': "*"no space left on device" ]]
  [ ! -e ran ]
}

@test "a limit of the size of files leaves the file as it is" {
  # The message goes to a pipe: for files the limit holds as well.
  limited() { try bash -c '{ (ulimit -f 0; exec "$REDLOCK" fence f --fence 6 -- touch ran) 2>&1 >&3 | cat >&2; } 3>&1; exit ${PIPESTATUS[0]}'; }
  limited
  refused 71 'ulimit -f'
  try_fence f --fence 5 -- true
  limited
  refused 71 'ulimit -f'
  try_fence f
  [ "$output" = 5 ]
}

@test "a password that stands in the file is not shown" {
  echo 'secret' > password
  try_fence password --fence 5 -- touch ran
  refused 71 "cannot use 'password' as a fence file"
  [[ $stderr != *secret* ]]
}

# failing CALL ARGUMENT...: with a disk on which CALL fails.
failing() { FAIL_SYNC=$1 LD_PRELOAD=$helpers_dir/libfail-sync.so try_fence "${@:2}"; }

@test "where the disk cannot be synced nothing is run" {
  needs_preloading
  failing fdatasync f --fence 6 -- touch ran
  refused 71 "cannot record fence 6 in 'f'"
  try_fence f --fence 5 -- true
  failing fdatasync f --fence 5 -- touch ran
  refused 71 "cannot record fence 5 in 'f'"
}

@test "where a file cannot be padded or its name synced, it means what it meant" {
  needs_preloading
  echo 5 > f
  failing fdatasync f --fence 6 -- touch ran
  refused 71 "cannot record fence 6 in 'f'"
  try_fence f
  [ "$output" = 5 ]
  failing fsync new --fence 6 -- touch ran
  refused 71 "cannot record fence 6 in 'new': cannot sync its directory"
  try_fence new
  [ "$output" = 0 ]
}

@test "the name of a file that was put in place by a rename is synced before a fence is accepted" {
  needs_preloading
  try_fence new --fence 5 -- true
  mv new f
  failing fsync f --fence 6 -- touch ran
  refused 71 "cannot record fence 6 in 'f': cannot sync its directory"
  [ "$(cat f)" = "               5" ]
}

@test "the padding of a line is synced before the line is replaced, even if another process has padded it" {
  needs_preloading
  printf '5\n              \n' > f
  [ "$(stat -c %s f)" -eq 17 ]
  cp f before
  failing fdatasync f --fence 6 -- touch ran
  refused 71 "cannot record fence 6 in 'f'"
  cmp f before
}

@test "with -n and -w a locked file is 75, or what -E says" {
  start_command f 5
  try_fence f --fence 6 -n -- touch ran
  refused 75 "'f' is locked by another command (it has seen fence 5): 'lslocks' shows the process"
  try_fence f --fence 6 -w 50ms -- touch ran
  refused 75 "'f' is locked by another command"
  try_fence f --fence 6 -w 0 -E 0 -- touch ran
  refused 0 "'f' is locked by another command"
  try "$REDLOCK" -q fence f --fence 6 -n -E 9 -- touch ran
  [ "$status" -eq 9 ]
  [ -z "$stderr" ]
  try_fence f
  [ "$output" = 5 ]
  end_command
  try_fence f --fence 4 -n -E 9 -- touch ran
  refused 1 'is stale'
}

@test "a holder that is stopped keeps the others out" {
  start_command f 5
  kill -STOP "$(< "$marks/pid")" "$redlock"
  try_fence f --fence 6 -n -- touch ran
  refused 75 'is locked'
  kill -CONT "$(< "$marks/pid")" "$redlock"
  end_command
}

# A command that holds f, of which redlock's pid is in $first, and two more that wait for it: $patient, and $limited with -w.
start_command_and_two_waiting() {
  start_command f 5
  first=$redlock
  start_redlock patient fence f --fence 6 -- echo patient
  patient=$redlock
  start_redlock limited fence f --fence 6 -w 1h -- echo limited
  limited=$redlock
}

@test "without -n it waits until the command has ended, and so with -w" {
  start_command_and_two_waiting
  wait_until 20 waits_for_lock "$patient"
  wait_until 20 waits_for_lock "$limited"
  redlock=$first end_command
  finish "$patient"
  [ "$status" -eq 0 ]
  finish "$limited"
  [ "$status" -eq 0 ]
  [ "$(cat "$marks/patient.out" "$marks/limited.out")" = $'patient\nlimited' ]
}

@test "a command that comes after the wait has the signals as redlock was given them" {
  start_command f 5
  first=$redlock
  start_redlock waiting fence f --fence 6 -w 1h -- grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status
  waiting=$redlock
  wait_until 20 waits_for_lock "$waiting"
  redlock=$first end_command
  finish "$waiting"
  [ "$status" -eq 0 ]
  diff "$marks/waiting.out" <(bash -c 'grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status' &) # bats ignores INT and QUIT of what it starts with "&"
}

@test "a signal ends the wait at once" {
  start_command f 5
  first=$redlock
  for signal in TERM:143 HUP:129; do
    start_redlock waiting fence f --fence 6 -- touch ran
    wait_until 20 waits_for_lock "$redlock"
    kill "-${signal%:*}" "$redlock"
    finish "$redlock"
    [ "$status" -eq "${signal#*:}" ]
  done
  start_redlock waiting fence f --fence 6 -w 1h -- touch ran
  wait_until 20 waits_for_lock "$redlock"
  kill -ALRM "$redlock"
  finish "$redlock"
  [ "$status" -eq 142 ]
  [ ! -e ran ]
  redlock=$first end_command
}

@test "who waited for a file that was replaced meanwhile locks the new one" {
  start_command f 5
  first=$redlock
  start_redlock waiting fence f --fence 6 -- sh -c 'echo $REDLOCK_FENCE; flock -n f true || echo locked'
  waiting=$redlock
  wait_until 20 waits_for_lock "$waiting"
  rm f
  echo 3 > new
  mv new f
  redlock=$first end_command
  finish "$waiting"
  [ "$status" -eq 0 ]
  [[ $(< "$marks/waiting.out") == *locked ]]
  try_fence f
  [ "$output" = 6 ]
}

# One at a time: removed, replaced, overwritten, and its folder moved away.
@test "what becomes of the file while the command runs is told, and the exit status stays the command's" {
  mkdir folder
  for script in 'rm folder/f' 'echo 3 > new; mv new folder/f' 'echo 3 > folder/f' 'mv folder moved'; do
    "$REDLOCK" -q fence folder/f --fence 5
    try_fence folder/f --fence 6 -- sh -c "$script; exit 7"
    [ "$status" -eq 7 ]
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    [[ $stderr == "redlock: 'folder/f' was deleted, replaced or changed while the command ran: "*"fence 6 may be forgotten" ]]
    rm -f folder/f
  done
}

@test "a file that is replaced before the command starts counts as it is then" {
  needs_preloading
  echo 5 > f
  echo 3 > new
  REPLACE=f REPLACE_BY=new failing '' f --fence 6 -- cat f
  [ "$status" -eq 0 ]
  [ "${output// /}" = 6 ]
  [ -z "$stderr" ]
  echo 9 > new
  REPLACE=f REPLACE_BY=new failing '' f --fence 7 -- touch ran
  refused 1 "'f' has seen 9"
}

@test "the file is locked until all that the command has started has ended" {
  start_redlock parent fence f --fence 5 -- sh -c "sleep 1000 & echo \$! > '$marks/child'"
  finish "$redlock"
  [ "$status" -eq 0 ]
  child=$(< "$marks/child")
  started+=("$child")
  is_locked f
  kill -KILL "$child"
  wait_until 20 is_free f
}

@test "a daemon that closes descriptor 10 does not keep the file locked" {
  try with_few_descriptors 'exec "$REDLOCK" fence f --fence 5 -- bash -c "sleep 1000 10>&- & echo \$! > $0/child"' "$marks"
  [ "$status" -eq 0 ]
  started+=("$(< "$marks/child")")
  is_alive "$(< "$marks/child")"
  wait_until 20 is_free f # the shell that became sleep may have had it open for an instant
}

@test "a command that closes all descriptors, as sudo and ssh do, runs under the lock all the same" {
  try_fence f --fence 5 -- python3 -c '
import os, subprocess
os.closerange(3, 1000)
print(subprocess.call(["flock", "-n", "f", "true"]))'
  [ "$status" -eq 0 ]
  [ "$output" = 1 ]
  is_free f
}

@test "the command has the files of redlock, and descriptor 10 with the lock" {
  try with_few_descriptors 'exec 9< /dev/null; exec "$REDLOCK" fence f --fence 5 -- python3 -c "
import os
for fd in range(100):
    if os.path.lexists(f\"/proc/self/fd/{fd}\"): print(fd, \"->\", os.readlink(f\"/proc/self/fd/{fd}\"))"'
  [ "$status" -eq 0 ]
  [ "$(grep -oE '[0-9]+ -> ' <<< "$output" | tr -d '\n')" = '0 -> 1 -> 2 -> 9 -> 10 -> ' ]
  [ "${lines[4]}" = "10 -> $PWD/f" ]
}

@test "the reader of the command's input is the command alone" {
  # The writer is told when the command has closed its end, although that goes on.
  try timeout 20 bash -c 'trap "" PIPE
    { until ! echo line; do :; done 2> /dev/null; touch closed; } |
      "$REDLOCK" fence f --fence 5 -- sh -c "exec < /dev/null; until [ -e closed ]; do sleep 0.01; done"'
  [ "$status" -eq 0 ]
}

@test "kill -9 of redlock kills the command, and frees the file" {
  start_command f 5
  kill -KILL "$redlock"
  wait_until 20 is_dead "$(< "$marks/pid")"
  finish "$redlock"
  wait_until 20 is_free f
}

@test "a script that uses the descriptors from 3 to 9 for itself keeps the lock" {
  start_command f 5 "exec 3> a 4> a 5> a 6> a 7> a 8> a 9> a; sleep 1000 & echo \$! > '$marks/child'"
  started+=("$(< "$marks/child")")
  kill -KILL "$redlock"
  wait_until 20 is_dead "$(< "$marks/pid")"
  finish "$redlock"
  is_locked f
}

@test "what a killed command leaves running keeps the file locked" {
  start_command f 5 "sleep 1000 & echo \$! > '$marks/child'"
  started+=("$(< "$marks/child")")
  kill -KILL "$redlock"
  wait_until 20 is_dead "$(< "$marks/pid")"
  finish "$redlock"
  is_locked f
  try_fence f --fence 6 -n -- touch ran
  refused 75 'is locked'
  kill -KILL "$(< "$marks/child")"
  wait_until 20 is_free f
}

@test "the exit status is the command's own" {
  : > f
  for code in 0 1 75 255; do
    try_fence f --fence 5 -- sh -c "exit $code"
    [ "$status" -eq "$code" ]
    [ -z "$stderr" ]
  done
  try_fence f --fence 5 -- sh -c 'kill -KILL $$'
  [ "$status" -eq 137 ]
  try_fence f --fence 5 -- no-such-command
  refused 127 "'no-such-command': command not found"
  try_fence f --fence 5 -- "$marks"
  refused 126 'cannot execute'
  is_free f
}

@test "signals are passed on to the command" {
  for signal in TERM HUP USR1; do
    rm -f "$marks/pid"
    start_redlock command fence f --fence 5 -- bash -c "trap 'exit 9' $signal; echo \$\$ > '$marks/pid'; while :; do sleep 0.01; done"
    wait_until 20 has_lines 1 "$marks/pid"
    kill "-$signal" "$redlock"
    finish "$redlock"
    [ "$status" -eq 9 ]
  done
  rm "$marks/pid"
  # A stopped command ends, too.
  start_command f 5
  kill -STOP "$(< "$marks/pid")"
  wait_until 20 is_stopped "$(< "$marks/pid")"
  end_command
}

@test "a stopped command ends also where redlock hears of the signal before it hears of the stop" {
  start_command f 5
  freeze "$redlock"
  kill -STOP "$(< "$marks/pid")"
  wait_until 20 is_stopped "$(< "$marks/pid")"
  kill -TERM "$redlock"
  unfreeze
  finish "$redlock"
  [ "$status" -eq 143 ]
}

@test "a signal that was ignored is ignored by redlock and its command" {
  start_redlock nohup fence f --fence 5 -- true
  finish "$redlock"
  (trap '' HUP; exec "$REDLOCK" fence f --fence 5 -- sh -c "kill -HUP \$\$ \$PPID; echo alive" > "$marks/nohup")
  [ "$(< "$marks/nohup")" = alive ]
}

@test "with standard descriptors closed all is as usual" {
  try bash -c '"$REDLOCK" fence f --fence 5 -- sh -c "touch ran" <&- >&- 2>&-'
  [ "$status" -eq 0 ]
  [ -e ran ]
  [ "$(cat f)" = "               5" ]
  try bash -c '"$REDLOCK" fence f --fence 4 -- true <&- >&- 2>&-'
  [ "$status" -eq 1 ]
  [ "$(cat f)" = "               5" ]
  try bash -c '"$REDLOCK" fence f > /dev/full'
  [ "$status" -eq 71 ]
}

@test "without descriptors left nothing is run" {
  for limit in 4 10; do
    try with_few_descriptors 'ulimit -n $0; exec "$REDLOCK" -q fence f --fence 5 -- touch ran' $limit
    refused 71 'too many open files'
  done
}

@test "at a terminal, Ctrl-C ends the command and redlock, and a loop around it" {
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" \
    "type while :; do \"\$REDLOCK\" fence f --fence 5 -- sh -c 'echo rea''dy; exec sleep 1000'; done\r" 'see ready' \
    'type \x03' 'see PROMPT> ' 'type echo still he""re\r' 'see still here'
  is_free f
}

@test "at a terminal, Ctrl-Z stops command and redlock, and fg continues both" {
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" \
    "type \"\$REDLOCK\" fence f --fence 5 -- bash -c 'echo rea''dy; read -r line; echo got \$line'\r" 'see ready' \
    'type \x1a' 'see Stopped' 'type fg\r' 'see fence' 'type wo''rd\r' 'see got word'
}

@test "at a terminal, a person who has to wait is told so" {
  start_command f 5
  run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" "type \"\$REDLOCK\" fence f --fence 6 -- true\r" \
    "see waiting for the command that has locked 'f'" 'type \x03' 'see PROMPT> '
  end_command
}

@test "without a terminal, a wait that lasts is told, and goes on" {
  start_command_and_two_waiting
  start_redlock quiet -q fence f --fence 6 -- true
  quiet=$redlock
  try_fence f --fence 6 -w 3100ms -- touch ran
  [ "$status" -eq 75 ]
  [ "$(wc -l <<< "$stderr")" -eq 2 ]
  [[ $stderr == "redlock: waiting for the command that has locked 'f'"$'\n'*"'f' is locked by another command"* ]]
  wait_until 20 grep -q "waiting for the command that has locked 'f'" "$marks/patient.err"
  wait_until 20 grep -q "waiting for the command that has locked 'f'" "$marks/limited.err"
  redlock=$first end_command
  for waiting in "$patient" "$limited" "$quiet"; do
    finish "$waiting"
    [ "$status" -eq 0 ]
  done
  [ "$(cat "$marks/patient.out" "$marks/limited.out")" = $'patient\nlimited' ]
  [ "$(wc -l < "$marks/patient.err")" -eq 1 ]
  [ ! -s "$marks/quiet.err" ]
}

@test "many processes, some of which are killed, write in the order of their fences and never at once" {
  try "$BATS_TEST_DIRNAME/../helpers/fence-storm.py" "$REDLOCK" --processes 40 --writes 600 --kills 100
  echo "$output$stderr"
  [ "$status" -eq 0 ]
}
