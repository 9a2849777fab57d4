#!/usr/bin/env bats
# `redlock sandbox`: throw-away Redis servers around a command.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
}
setup() {
  redlock_setup
  export TMPDIR=$BATS_TEST_TMPDIR/tmp
  mkdir "$TMPDIR"
  unset REDLOCK_NODES
}
teardown() { redlock_teardown; }

try_sandbox() { try "$REDLOCK" sandbox "$@"; }

# $marks/pids has the pids of a sandbox's servers.
note_pids='echo $REDLOCK_SANDBOX_PIDS > "$0/pids.new"; mv "$0/pids.new" "$0/pids"'
servers_are_gone() {
  [[ -s $marks/pids ]] || { echo "no servers were noted"; return 1; }
  all_dead $(< "$marks/pids") && [[ -z $(ls -A "$TMPDIR") ]]
}

@test "five servers answer the command, and a run under their lock works" {
  try_sandbox -- bash -c "$note_pids"'
    for url in $REDLOCK_NODES; do redis-cli -u "$url" PING; done
    exec "$REDLOCK" run x -- echo "under the lock"' "$marks"
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  [ "$output" = $'PONG\nPONG\nPONG\nPONG\nPONG\nunder the lock' ]
  servers_are_gone
}

@test "-n says how many, and --unix puts them on sockets" {
  for n in 1 3; do
    try_sandbox -n "$n" -- bash -c "$note_pids"'; echo $REDLOCK_NODES | wc -w; "$REDLOCK" run x -- true' "$marks"
    [ "$status" -eq 0 ]
    [ "$output" -eq "$n" ]
    servers_are_gone
  done
  try_sandbox --unix -n 3 -- bash -c "$note_pids"'; echo $REDLOCK_NODES; "$REDLOCK" run x -- true' "$marks"
  [ "$status" -eq 0 ]
  [[ $output == "unix://$TMPDIR/"*" unix://$TMPDIR/"*" unix://$TMPDIR/"* ]]
  servers_are_gone
}

@test "a number of servers that makes no sense is a usage error" {
  for n in 0 -1 100 x ''; do
    try_sandbox -n "$n" -- touch "$marks/ran"
    [ "$status" -eq 64 ]
  done
  try_sandbox -n 1
  [ "$status" -eq 64 ]
  try_sandbox -n 1 --
  [ "$status" -eq 64 ]
  [ ! -e "$marks/ran" ]
}

@test "the status is the command's own, and all is cleaned up however it ends" {
  for code in 0 1 75 255; do
    try_sandbox -n 2 -- bash -c "$note_pids; exit $code" "$marks"
    [ "$status" -eq "$code" ]
    servers_are_gone
  done
  try_sandbox -n 2 -- bash -c "$note_pids; kill -KILL \$\$" "$marks"
  [ "$status" -eq 137 ]
  servers_are_gone
  try_sandbox -n 2 -- no-such-command
  [ "$status" -eq 127 ]
  [ -z "$(ls -A "$TMPDIR")" ]
  try_sandbox -n 2 -- "$marks"
  [ "$status" -eq 126 ]
  [ -z "$(ls -A "$TMPDIR")" ]
}

@test "a signal goes to the command, and at its end all is cleaned up, what it has started included" {
  for signal in TERM INT HUP; do
    rm -f "$marks/pids"
    # Without note_pids: a shell may take no notice of an INT while it waits for mv.
    launch "$signal" "$REDLOCK" sandbox -n 3 -- bash -c \
      'setsid sleep 1000 & echo $! > "$0/rest"; echo $REDLOCK_SANDBOX_PIDS > "$0/pids"; exec sleep 1000' "$marks"
    wait_until 20 test -s "$marks/pids"
    kill -"$signal" "$launched"
    [ "$(ending_of "$signal")" = "exited $((128 + $(kill -l $signal)))" ]
    servers_are_gone
    is_dead "$(< "$marks/rest")"
  done
}

@test "a signal while the servers start leaves nothing behind" {
  local children delay
  for delay in 0.001 0.004 0.008 0.012 0.020; do
    launch "early$delay" "$REDLOCK" sandbox -n 9 -- sleep 1000
    read -rt "$delay" <> <(:) || :
    children=$(ps -o pid= --ppid "$launched" || :)
    kill -TERM "$launched"
    [[ $(ending_of "early$delay") == @(signalled 15|exited 143) ]]
    all_dead $children
    [ -z "$(ls -A "$TMPDIR")" ]
  done
}

@test "kill -9 of the sandbox takes the servers along, and its folder with key and password" {
  launch one "$REDLOCK" sandbox --tls --acl -n 3 -- bash -c "$note_pids; exec sleep 1000" "$marks"
  wait_until 20 test -e "$marks/pids"
  [[ $(cat "$TMPDIR"/redlock-sandbox.*/server.key) == *PRIVATE* ]]
  kill -KILL "$launched"
  wait_until 20 servers_are_gone
}

@test "kill -9 of a sandbox and of all its job takes its folder along, also while the servers start" {
  local delay
  for delay in 0.004 0.012 0.100; do
    launch "job$delay" setsid "$REDLOCK" sandbox --tls -n 9 -- sleep 1000
    read -rt "$delay" <> <(:) || :
    kill -KILL -- "-$launched" || kill -KILL "$launched"
    wait_until 20 eval '[ -z "$(ls -A "$TMPDIR")" ]'
  done
}

@test "a sandbox ends, and leaves nothing, although what removes its folder was stopped" {
  launch one "$REDLOCK" sandbox -n 1 -- bash -c "$note_pids; exec sleep 1000" "$marks"
  wait_until 20 test -e "$marks/pids"
  kill -STOP "$(pgrep -P "$launched" -x sandbox-sweeper)"
  kill -TERM "$launched"
  wait_until 20 is_dead "$launched"
  wait_until 20 servers_are_gone
}

@test "where no more files can be opened the sandbox leaves no folder behind" {
  local limit
  for limit in {5..12}; do
    try bash -c 'ulimit -n "$1"; shift; exec "$@"' - "$limit" "$REDLOCK" sandbox -n 1 -- true
    ((status == 0 || status == 71))
    [ -z "$(ls -A "$TMPDIR")" ]
  done
}

@test "TMPDIR may have characters that a URL has not, and be relative" {
  local name
  for name in 'a b' 'a,b' 'a?b#c' 'a%41b' $'tab\tand\nline' $'\u00e9\xff'; do
    mkdir "$TMPDIR/$name"
    TMPDIR=$TMPDIR/$name try_sandbox --unix --acl -n 1 -- sh -c 'cd / && exec "$REDLOCK" run x -- echo "under the lock"'
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [ "$output" = "under the lock" ]
    rmdir "$TMPDIR/$name"
  done
  local options
  for options in --unix --tls; do
    cd "${TMPDIR%/*}"
    TMPDIR=tmp try_sandbox $options -n 1 -- sh -c 'cd / && exec "$REDLOCK" run x -- echo "under the lock"'
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [ "$output" = "under the lock" ]
    [ -z "$(ls -A "$TMPDIR")" ]
  done
}

@test "without a loopback interface the sandbox says so at once, and --unix works" {
  unshare -n true || skip "no network namespace can be made here"
  try timeout -k 1 15 unshare -n "$REDLOCK" sandbox -n 2 -- touch "$marks/ran"
  [ "$status" -eq 71 ]
  [[ $stderr == "redlock: "*" at 127.0.0.1 cannot be reached: network is unreachable: is the loopback interface up "*"--unix does without" ]]
  [ ! -e "$marks/ran" ]
  [ -z "$(ls -A "$TMPDIR")" ]
  try unshare -n "$REDLOCK" sandbox --unix -n 2 -- "$REDLOCK" run x -- echo "under the lock"
  [ "$status" -eq 0 ]
  [ "$output" = "under the lock" ]
}

@test "a Ctrl-C for the whole job leaves the servers to the command until it has ended" {
  launch one setsid "$REDLOCK" sandbox -n 3 -- bash -c "$note_pids"'
    trap "sleep 0.2; \"$REDLOCK\" run x -- echo cleaned up; exit 3" INT
    touch "$0/ready"; while :; do sleep 0.01; done' "$marks"
  wait_until 20 test -e "$marks/ready"
  kill -INT -- "-$launched"
  [ "$(ending_of one)" = "exited 3" ]
  [ "$(< "$marks/one.out")" = "cleaned up" ]
  servers_are_gone
}

@test "without a server on PATH one line says how to install one" {
  PATH=/nonexistent try_sandbox -- true
  [ "$status" -eq 71 ]
  [[ $stderr == *"redis-server, valkey-server or redict-server"* ]]
  [[ $stderr == *"apt-get install redis-server"* ]]
  [ "$(wc -l <<< "$stderr")" -eq 1 ]
  [ -z "$(/bin/ls -A "$TMPDIR")" ]
}

@test "where valkey-server or redict-server is installed instead, it serves" {
  local name
  for name in valkey-server redict-server; do
    rm -rf "$marks/bin"
    mkdir "$marks/bin"
    printf '#!/bin/sh\necho "$0" > "%s"\nexec "%s" "$@"\n' "$marks/program" "$(command -v redis-server)" > "$marks/bin/$name"
    chmod +x "$marks/bin/$name"
    PATH=$marks/bin try_sandbox -n 1 -- "$REDLOCK" run x -- /bin/echo "under the lock"
    [ "$status" -eq 0 ]
    [ "$output" = "under the lock" ]
    [ "$(< "$marks/program")" = "$marks/bin/$name" ]
  done
}

@test "--acl starts on servers that know no rights to channels, and on those that know them" {
  mkdir "$marks/bin"
  # Says that it is 6.0; what it is told must hold no rights to channels then.
  cat > "$marks/bin/redis-server" << END
#!/bin/sh
[ "\$1" != --version ] || { echo "Redis server v=\$(cat '$marks/version') sha=00000000:0"; exit; }
for word; do [ "\${word%users.acl}" = "\$word" ] || cp "\$word" "$marks/users"; done
exec "$(command -v redis-server)" "\$@"
END
  chmod +x "$marks/bin/redis-server"
  for version in 6.0.16 5.0.14 6.2.14 10.0.1; do
    echo "$version" > "$marks/version"
    PATH=$marks/bin:$PATH try_sandbox --acl -n 1 -- true
    [[ $version == [56].0.* ]] || { [ "$(grep -c 'resetchannels.*&' "$marks/users")" -eq 1 ]; continue; }
    [ "$status" -eq 0 ]
    [ "$(grep -c -e '&' -e channels "$marks/users")" -eq 0 ]
    grep -q '+zremrangebyscore' "$marks/users"
  done
}

@test "a redis-server that does not answer is told of, with why" {
  mkdir "$marks/bin"
  printf '#!/bin/sh\necho "Ready to accept connections"\nexec sleep 1000\n' > "$marks/bin/redis-server"
  chmod +x "$marks/bin/redis-server"
  PATH=$marks/bin:$PATH try "$REDLOCK" sandbox -n 1 -- touch "$marks/ran"
  [ "$status" -eq 71 ]
  [[ $stderr == "redlock: $marks/bin/redis-server does not answer: connection refused"*"; the end of its log: Ready to accept connections" ]]
  [ ! -e "$marks/ran" ]
}

@test "a redis-server that does not start is told of, in its own words" {
  mkdir "$marks/bin"
  printf '#!/bin/sh\necho "Fatal: wrong phase of the moon"\nexit 1\n' > "$marks/bin/redis-server"
  chmod +x "$marks/bin/redis-server"
  PATH=$marks/bin:$PATH try timeout -k 1 20 "$REDLOCK" sandbox -- touch "$marks/ran"
  [ "$status" -eq 71 ]
  [[ $stderr == "redlock: "*"wrong phase of the moon"* ]]
  [ ! -e "$marks/ran" ]
  [ -z "$(ls -A "$TMPDIR")" ]
}

@test "a folder that cannot be made is told of" {
  TMPDIR=/nonexistent try_sandbox -- touch "$marks/ran"
  [ "$status" -eq 71 ]
  [[ $stderr == *"/nonexistent/redlock-sandbox"*"no such file or directory"* ]]
  [ ! -e "$marks/ran" ]
}

@test "a folder too deep for sockets is told of" {
  export TMPDIR=$TMPDIR/$(printf 'x%.0s' {1..100})
  mkdir "$TMPDIR"
  try timeout -k 1 20 "$REDLOCK" sandbox --unix -n 1 -- touch "$marks/ran"
  [ "$status" -eq 71 ]
  [ "$(wc -l <<< "$stderr")" -eq 1 ]
  [ ! -e "$marks/ran" ]
  [ -z "$(ls -A "$TMPDIR")" ]
}

@test "standard input, output and descriptors are the command's, as without the sandbox" {
  [ "$(echo hello | "$REDLOCK" sandbox -n 1 -- cat)" = hello ]
  ls /proc/self/fd > "$marks/outside"
  "$REDLOCK" sandbox -n 1 -- ls /proc/self/fd > "$marks/inside"
  diff "$marks/outside" "$marks/inside"
}

@test "a sandbox in a sandbox has servers of its own" {
  try_sandbox -n 1 -- sh -c 'echo $REDLOCK_NODES; "$REDLOCK" sandbox -n 1 -- sh -c "echo \$REDLOCK_NODES"'
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 2 ]
  [ "${lines[0]}" != "${lines[1]}" ]
  [ -z "$(ls -A "$TMPDIR")" ]
}

@test "the servers keep nothing on disk and listen on this machine only" {
  try_sandbox -n 1 -- sh -c 'redis-cli -u $REDLOCK_NODES CONFIG GET save; redis-cli -u $REDLOCK_NODES CONFIG GET appendonly
    redis-cli -u $REDLOCK_NODES CONFIG GET bind'
  [ "$output" = $'save\n\nappendonly\nno\nbind\n127.0.0.1' ]
}

@test "--tls and --acl, together or not, give nodes that a run can use, and cost nobody a warning" {
  for options in --tls --acl '--tls --acl' '--unix --acl'; do
    try_sandbox $options -n 3 -- bash -c "$note_pids"'
      stat -c %a "$REDLOCK_CONFIG"; echo ${REDLOCK_NODES%%:*}; exec "$REDLOCK" run x -- echo "under the lock"' "$marks"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    case $options in --tls*) scheme=rediss ;; --unix*) scheme=unix ;; *) scheme=redis ;; esac
    [ "$output" = $'600\n'"$scheme"$'\nunder the lock' ]
    servers_are_gone
  done
}

@test "--tls and --acl keep others out: without the CA, without the password, without TLS" {
  try_sandbox --tls --acl -n 1 -- bash -c '
    folder=${REDLOCK_CONFIG%/*} status=0
    "$REDLOCK" run -n -c /dev/null x -- touch "$0/ran" || echo "$?"
    echo "[defaults]" > "$0/config"; echo "ca_file = \"$folder/ca.pem\"" >> "$0/config"
    "$REDLOCK" run -n -c "$0/config" x -- touch "$0/ran" || echo "$?"
    REDLOCK_NODES=${REDLOCK_NODES/rediss:/redis:} "$REDLOCK" run -n x -- touch "$0/ran" || echo "$?"' "$marks"
  [ "$status" -eq 0 ]
  [ "$output" = $'69\n69\n69' ]
  [[ $stderr == *"unknown CA, 'redlock sandbox CA'"*NOAUTH*"use rediss://"* ]]
  [ ! -e "$marks/ran" ]
}

@test "the password of --acl is in no arguments and in no environment" {
  try_sandbox --acl -n 2 -- bash -c '
    password=$(< "${REDLOCK_CONFIG%/*}/password"); [[ $password =~ ^[0-9a-f]{40}$ ]] || exit 9
    for pid in $PPID $$ $REDLOCK_SANDBOX_PIDS; do cat /proc/$pid/cmdline /proc/$pid/environ; done | grep -cF "$password"'
  [ "$output" = 0 ]
}

@test "TLS and unix sockets exclude each other" {
  try_sandbox --unix --tls -- touch "$marks/ran"
  [ "$status" -eq 64 ]
  [ ! -e "$marks/ran" ]
}

@test "with the rights of --acl the commands that look find nothing forbidden" {
  try_sandbox --acl -n 3 -- bash -c '
    token=$("$REDLOCK" acquire x) &&
      "$REDLOCK" status x && "$REDLOCK" list && "$REDLOCK" nodes && "$REDLOCK" extend x "$token" &&
      "$REDLOCK" break --yes x'
  [ "$status" -eq 0 ]
  [[ $output != *"not permitted"* ]]
  [[ $stderr != *warning* ]]
  [[ $output$stderr != *ACL* ]]
}
