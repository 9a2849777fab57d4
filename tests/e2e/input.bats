#!/usr/bin/env bats
# Bad input never crashes redlock and never runs the command.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  start_nodes 1
}
teardown_file() { stop_nodes; }
setup() { redlock_setup; }
teardown() { redlock_teardown; }

# refuses STATUS TEXT ARGUMENT...: exits so and says so in one line, without the command and without asking a node.
refuses() {
  try "$REDLOCK" "${@:3}"
  [ "$status" -eq "$1" ] || { echo "status $status of: ${*:3}"; return 1; }
  [[ $stderr == "redlock: "*"$2"* ]] || { echo "'$stderr' of: ${*:3}"; return 1; }
  [ "$(wc -l <<< "$stderr")" -eq 1 ]
  [ -z "$output" ]
  [ ! -e "$marks/ran" ]
  [ "$(redis_cli 1 DBSIZE)" -eq 0 ]
}

@test "a command line without a command is a usage error" {
  refuses 64 'redlock --help'
  refuses 64 'NAME' run
  refuses 64 "behind '--'" run x
  refuses 64 '' run x touch "$marks/ran"
  refuses 64 'command is empty' run x --
  refuses 64 'command is empty' run x -- ''
  refuses 64 '' frobnicate x -- touch "$marks/ran"
  refuses 64 'given twice' run x x -- touch "$marks/ran"
  refuses 64 '' -- touch "$marks/ran"
}

@test "an option that is unknown, lacks its value or contradicts another is a usage error" {
  refuses 64 '--frob' run --frob x -- touch "$marks/ran"
  refuses 64 '-Z' run -Z x -- touch "$marks/ran"
  refuses 64 '--ttl' run x --ttl -- touch "$marks/ran"
  refuses 64 '' run -n -w 1s x -- touch "$marks/ran"
  refuses 64 '' run -q -v x -- touch "$marks/ran"
  refuses 64 '--on-lost' run --on-lost=maybe x -- touch "$marks/ran"
  refuses 64 '--events: the file has no name' run --events= x -- touch "$marks/ran"
}

@test "a word that is near to a command or an option gets a suggestion" {
  refuses 64 "there is no command 'unlock': did you mean 'release'?" unlock x
  refuses 64 "there is no command 'ls': did you mean 'list'?" ls
  refuses 64 "there is no command 'version': did you mean '--version'?" version
  refuses 64 "unknown option '--tll': did you mean '--ttl'?" run --tll 5s x -- touch "$marks/ran"
}

@test "a name may begin with a dash, behind a -- of its own" {
  try_run -- -x -- sh -c 'echo "$REDLOCK_NAME: $*"' sh -- -y
  [ "$output" = "-x: -- -y" ]
  try "$REDLOCK" status -- -x
  [ "${lines[0]}" = "lock '-x' is free" ]
  redis_cli 1 FLUSHALL
}

@test "a line for the shell in one word is told to need one" {
  try_run x -- 'echo a b'
  [ "$status" -eq 127 ]
  [ "$stderr" = "redlock: 'echo a b': command not found: a line for the shell needs one: sh -c 'echo a b'" ]
  redis_cli 1 FLUSHALL
}

@test "a name is 1 to 512 bytes" {
  refuses 64 'name' run '' -- touch "$marks/ran"
  refuses 64 '512' run "$(printf 'x%.0s' {1..513})" -- touch "$marks/ran"
  try_run "$(printf 'x%.0s' {1..512})" -- true
  [ "$status" -eq 0 ]
  redis_cli 1 FLUSHALL
}

@test "a conflict exit code is 0 to 255" {
  for code in 600 256 -1 x 1.5 '' 0x10; do
    refuses 64 '' run -E "$code" x -- touch "$marks/ran"
  done
}

@test "no command works on a key that is kept beside a lock, however prefix and name share its beginning" {
  redis_cli 1 SET redlock.info:x kept
  touch_nothing() {
    try "$REDLOCK" "$@"
    [ "$(redis_cli 1 GET redlock.info:x)" = kept ] && [ "$(redis_cli 1 DBSIZE)" -eq 1 ] && [ ! -e "$marks/ran" ]
  }
  printf '[defaults]\nkey_prefix = "redlock"\n' > "$marks/defaults.toml"
  printf '[lock.".info:x"]\nkey_prefix = "redlock"\n' > "$marks/lock.toml"
  printf '[defaults]\nkey_prefix = "redlock.info:"\n' > "$marks/whole.toml"
  for arguments in "run -n .info:x -- touch $marks/ran" "acquire -n .info:x" "acquire -n --while-pid $$ .info:x" "extend .info:x kept" \
    "release .info:x kept" "status .info:x" "status free .info:x" "break -y .info:x"; do
    set -- $arguments
    touch_nothing "$1" --key-prefix redlock "${@:2}"
    [ "$status" -eq 64 ] && [[ $stderr == *"--key-prefix"*"'redlock'"*"'.info:x'"* ]] || { echo "$arguments: $status $stderr"; return 1; }
    for source in "REDLOCK_KEY_PREFIX=redlock" "REDLOCK_CONFIG=$marks/defaults.toml" "REDLOCK_CONFIG=$marks/lock.toml"; do
      export "$source"
      touch_nothing "$@"
      unset REDLOCK_KEY_PREFIX
      export REDLOCK_CONFIG=$BATS_FILE_TMPDIR/none.toml
      [ "$status" -eq 78 ] && [[ $stderr == *"'redlock'"*"'.info:x'"* ]] || { echo "$source $arguments: $status $stderr"; return 1; }
    done
  done
  # A prefix that no name can follow.
  for arguments in list "status x" nodes; do
    REDLOCK_CONFIG=$marks/whole.toml touch_nothing $arguments
    [ "$status" -eq 78 ] && [[ $stderr == *"redlock.info:"* ]] || { echo "$arguments: $status $stderr"; return 1; }
  done
  redis_cli 1 FLUSHALL
}

@test "acquire does not exit with 0 when somebody else holds the lock" {
  for code in 0 00 000; do
    refuses 64 'acquire: -E 0' acquire -E "$code" x
  done
  try_run -E 0 x -- true
  [ "$status" -eq 0 ]
  redis_cli 1 FLUSHALL
}

@test "durations and numbers that make no sense are usage errors" {
  for ttl in 1ms 199ms 0 -5s -1 '' x 5x '5 s' 1e9 nan inf 99999999999999999999d 31d; do
    refuses 64 '--ttl' run "--ttl=$ttl" x -- touch "$marks/ran"
  done
  for wait in -1 '' soon 99999999999999999999; do
    refuses 64 '--wait' run "--wait=$wait" x -- touch "$marks/ran"
  done
  for delay in 0 -1 ''; do refuses 64 '--retry-delay' run "--retry-delay=$delay" x -- touch "$marks/ran"; done
  for count in -1 x '' 1.5 99999999999999999999; do
    refuses 64 '--retry-count' run "--retry-count=$count" x -- touch "$marks/ran"
  done
  for timeout in 0 -1 ''; do refuses 64 '--node-timeout' run "--node-timeout=$timeout" x -- touch "$marks/ran"; done
}

@test "time to clean up is a third of the ttl at most" {
  refuses 64 'a third of the ttl' run -k 11s x -- touch "$marks/ran"
  refuses 64 'a third of the ttl' run --ttl 3s -k 1001ms x -- touch "$marks/ran"
  try_run --ttl 3s -k 1s x -- true
  [ "$status" -eq 0 ]
  redis_cli 1 FLUSHALL
}

@test "a node that is no URL of one is a usage error" {
  for url in '' h h:6379 http://h redis: redis:// redis://h:70000 redis://h:0 redis://h:x redis://h/x redis://h/-1 \
    redis://h#fragment 'redis://h?db=1' redis://::1 redis://[::1 redis://[::g] 'redis://h h' redis://h/0/1 unix:// \
    unix://x 'unix:///x?y=1' "unix:///$(printf 'x%.0s' {1..200})" $'redis://h\n' redis://u@h 'redis://%zz:x@h' rediss://h:70000; do
    refuses 64 '--node' run --node "$url" x -- touch "$marks/ran"
  done
}

@test "the same node twice is refused, wherever it is named" {
  refuses 64 'the same server' run --node redis://h --node redis://h:6379/5 x -- touch "$marks/ran"
  REDLOCK_NODES="redis://h redis://H" refuses 78 'the same server' run x -- touch "$marks/ran"
}

@test "a list of nodes with nothing in it is a configuration error, not a default" {
  REDLOCK_NODES=' , ' refuses 78 'names no node' run x -- touch "$marks/ran"
}

@test "what is wrong with an argument is shown without moving the cursor" {
  refuses 64 '' run $'--\033[2Jfrob' x -- touch "$marks/ran"
  [[ $stderr != *$'\033'* ]]
  refuses 64 '' run --ttl $'5\033[2J\n' x -- touch "$marks/ran"
  [[ $stderr != *$'\033'* ]]
}

@test "a usage error is the same with standard error closed or its reader gone, and without descriptors at all" {
  run -64 bash -c 'exec "$0" run x 2>&-' "$REDLOCK"
  run -64 bash -c 'exec "$0" run x <&- >&- 2>&-' "$REDLOCK"
  run -64 bash -c '{ "$0" run x; echo $? > "$1"; } 2>&1 | true; exit "$(< "$1")"' "$REDLOCK" "$marks/status"
}

@test "help and version go to standard output, and a full or closed one is an error" {
  try "$REDLOCK" --version
  [ "$status" -eq 0 ]
  [[ $output =~ ^redlock\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
  for arguments in --help 'run --help' 'sandbox --help' '-h'; do
    try "$REDLOCK" $arguments
    [ "$status" -eq 0 ]
    [[ $output == *Usage:* ]]
    [ -z "$stderr" ]
  done
  run -71 bash -c '"$0" --help > /dev/full' "$REDLOCK"
}

@test "without an environment redlock still answers" {
  try env -i "$REDLOCK" --version
  [ "$status" -eq 0 ]
  try env -i "$REDLOCK" run -n --node redis://127.0.0.1:1 x -- true
  [ "$status" -eq 69 ]
}
