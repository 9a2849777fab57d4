#!/usr/bin/env bats
# Servers that are there and do not grant a lock: real ones, put into each state that can be provoked. What each says is
# told in words, with what to do. tests/unit/redis_node_error_test.cpp has the texts of other versions.

load lib/redlock.bash

setup_file() { isolate; }
setup() {
  redlock_setup
  lock=job # the pattern of an ACL may not hold a blank
  export REDLOCK_NODE_TIMEOUT=10s # no server here is silent, but the machine may be slow
}
teardown() {
  redlock_teardown
  stop_nodes
}

# says WORDS: with the nodes as they are, redlock ends with 69 and says so of node 1, in one line.
says() {
  try_run -n "$lock" -- touch "$marks/ran"
  [ "$status" -eq 69 ]
  grep -qF -- "  $(url_of 1)/0: $1" <<< "$stderr" || { echo "$stderr"; false; }
  [ "$(wc -l <<< "$stderr")" -eq 2 ]
  [ ! -e "$marks/ran" ]
}

config_set() { [[ $(redis_cli 1 CONFIG SET "$@") == OK ]]; }

@test "NOAUTH and WRONGPASS" {
  start_nodes 1 --requirepass right
  says 'asks for a password (NOAUTH): set it in the URL, password_file or password_env'
  local url=$(url_of 1)
  REDLOCK_NODES=${url/\/\//\/\/:wrong@} says 'does not accept the password: WRONGPASS'
  REDLOCK_NODES=${url/\/\//\/\/carol:wrong@} says "does not accept the password of user 'carol': WRONGPASS, as of a user that is off"
}

@test "WRONGPASS where the file of the password has more in it than the password" {
  start_nodes 1 --requirepass right
  says_of_file() {
    printf "$1" > "$marks/password"
    says "does not accept the password, whose file $marks/password $2: WRONGPASS"
  }
  printf '[defaults]\npassword_file = "%s"\n' "$marks/password" > "$marks/with-password.toml"
  export REDLOCK_CONFIG=$marks/with-password.toml
  umask 077
  says_of_file 'right \n' 'ends in a blank'
  says_of_file 'right\n\n' 'ends in a second newline'
  says_of_file '\xef\xbb\xbfright\n' 'begins with a byte order mark'
  says_of_file 'right\0\n' 'holds a NUL byte'
  printf wrong > "$marks/password"
  says 'does not accept the password: WRONGPASS'
}

@test "a password where none is set" {
  start_nodes 1
  local url=$(url_of 1)
  REDLOCK_NODES=${url/\/\//\/\/:needless@} says 'does not accept the password: none is set there'
}

# The least that redlock(1) says is needed, and less, one command after another.
@test "NOPERM names the command that is missing, also one within a script" {
  start_nodes 1
  local url=$(url_of 1) command allowed needed=(eval get set del pttl pexpire hset hmget info role select)
  REDLOCK_NODES=${url/\/\//\/\/locker:pw@}
  allow() {
    redis_cli 1 ACL SETUSER locker reset on '>pw' "~$lock" "~redlock.info:$lock" "~redlock.fence:$lock" "${@/#/+}" > /dev/null
  }
  allow "${needed[@]}"
  try_run -n "$lock" -- true
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  for command in eval get set del hset pexpire; do
    allowed=()
    for each in "${needed[@]}"; do [[ $each == "$command" ]] || allowed+=("$each"); done
    allow "${allowed[@]}"
    try_run -n "$lock" -- touch "$marks/ran"
    [ "$status" -eq 69 ]
    grep -qF "  $(url_of 1)/0: its ACL forbids user 'locker' what a lock needs (NOPERM" <<< "$stderr"
    grep -qiE "NOPERM (for $command\)|.*'$command')" <<< "$stderr" || { echo "$command is not named: $stderr"; false; }
  done
  [ ! -e "$marks/ran" ]
  # HMGET reads who holds the lock, which is not what decides, and for an extension since when, which is.
  allow eval get set del pttl pexpire hset info role select
  redis_cli 1 SET "$lock" foreign PX 60000
  try_run -n "$lock" -- touch "$marks/ran"
  [ "$status" -eq 75 ]
  [[ $stderr == *"is held by another program, which does not say who it is"* ]]
  redis_cli 1 DEL "$lock"
  try "$REDLOCK" acquire -n "$lock" # which could not be extended
  [ "$status" -eq 69 ]
  [[ ${stderr,,} == *"noperm"*hmget* ]]
  allow eval get set del pttl pexpire hset hmget info role select
  token=$("$REDLOCK" acquire -n "$lock")
  allow eval get set del pttl pexpire hset info role select
  redis_cli 1 ACL SETUSER locker '~redlock.*' > /dev/null # for the note
  try "$REDLOCK" extend "$lock" "$token"
  [ "$status" -eq 69 ]
  [[ ${stderr,,} == *"noperm"*hmget* ]]
  "$REDLOCK" release "$lock" "$token"
}

@test "what is there for people decides nothing where it is of another type" {
  start_nodes 3
  spoil() { on_all_nodes SET "redlock.info:$lock" none; on_all_nodes SET "redlock.queue:$lock" none; }
  spoil
  on_all_nodes SET "$lock" foreign PX 60000
  try_run -n "$lock" -- true
  [ "$status" -eq 75 ]
  try_run -w 50ms "$lock" -- true
  [ "$status" -eq 75 ]
  for command in extend release; do
    try "$REDLOCK" "$command" "$lock" mine
    [ "$status" -eq 1 ]
    [[ $stderr == *"it is held by another program"* ]]
  done
  try "$REDLOCK" status "$lock"
  [ "$status" -eq 0 ]
  try "$REDLOCK" list
  [ "$status" -eq 0 ]
  try "$REDLOCK" break -y "$lock"
  [ "$status" -eq 0 ]
  spoil
  token=$("$REDLOCK" acquire -w 20s "$lock")
  # Since when the token has been there is written there too: so one node of three.
  redis_cli 1 SET "redlock.info:$lock" none
  "$REDLOCK" extend "$lock" "$token"
  spoil
  "$REDLOCK" release "$lock" "$token"
  on_all_nodes FLUSHALL
}

@test "NOPERM for the keys" {
  start_nodes 1
  redis_cli 1 ACL SETUSER locker on '>pw' '~other:*' +@all
  local url=$(url_of 1)
  REDLOCK_NODES=${url/\/\//\/\/locker:pw@} says "its ACL forbids user 'locker' a key that a lock needs (NOPERM): permit ~$lock ~redlock.*:$lock"
}

@test "LOADING" {
  server_is_at_least 7.0 || skip "it answers nobody before it has loaded 2 MiB"
  start_nodes 1 --key-load-delay 5000 --loading-process-events-interval-bytes 1024 --enable-debug-command local
  redis_cli 1 DEBUG POPULATE 5000 > /dev/null
  redis_cli 1 SAVE
  kill_node 1
  boot_node 1
  wait_until 20 eval '[[ $(redis_cli 1 PING 2>&1) == *LOADING* ]]'
  REDLOCK_NODE_TIMEOUT=8s says 'is still loading its data after a start: it can vote when that is done'
}

@test "OOM" {
  start_nodes 1
  config_set maxmemory 1
  says 'has no memory left (OOM): see its maxmemory'
}

@test "MISCONF" {
  start_nodes 1 --dbfilename folder
  mkdir "$nodes_dir/folder" # which no file can be renamed to
  config_set save '3600 1'
  redis_cli 1 SET some key
  redis_cli 1 BGSAVE
  wait_until 20 eval '[[ $(redis_cli 1 SET some thing 2>&1) == *MISCONF* ]]'
  says 'cannot save to its disk (MISCONF) and so refuses writes: see its log'
}

@test "READONLY, and a replica that has lost its master" {
  start_nodes 2
  local master=$(url_of 2)
  use_nodes 1
  redis_cli 1 REPLICAOF "$nodes_address" "${master##*:}"
  wait_until 40 eval '[[ $(redis_cli 1 ROLE) == *connected* ]]'
  says 'is a replica, and read-only: name its master instead'
  config_set replica-serve-stale-data no
  kill_node 2
  wait_until 20 eval '[[ $(redis_cli 1 GET x 2>&1) == *MASTERDOWN* ]]'
  says 'is a replica, and read-only: name its master instead'
}

@test "CLUSTERDOWN and MOVED" {
  start_cluster_node
  says 'is part of a Redis Cluster, whose keys move: a lock needs independent servers'
  [[ $stderr == *CLUSTERDOWN* || $stderr == *CROSSSLOT* ]]
  # A cluster that is complete, and whose slots are all this node's.
  redis_cli 1 CLUSTER ADDSLOTS {0..16383}
  wait_until 20 eval '[[ $(redis_cli 1 CLUSTER INFO) == *cluster_state:ok* ]]'
  says 'is '
  [[ $stderr == *"cluster"* || $stderr == *"Cluster"* ]]
}

@test "BUSY" {
  start_nodes 1 --lua-time-limit 1
  redis_cli 1 EVAL 'while true do end' 0 > /dev/null 2>&1 3>&- &
  started+=($!)
  wait_until 20 eval '[[ $(redis_cli 1 GET x 2>&1) == *BUSY* ]]'
  says "is busy with somebody's script (BUSY): see SCRIPT KILL"
  redis_cli 1 SCRIPT KILL
}

@test "the greatest number of clients" {
  start_nodes 1
  redis_cli 1 SUBSCRIBE somewhere > /dev/null 2>&1 3>&- &
  started+=($!)
  wait_until 20 eval '[[ $(redis_cli 1 PUBSUB CHANNELS) == somewhere ]]'
  config_set maxclients 1
  wait_until 20 eval '[[ $(redis_cli 1 PING 2>&1) == *"max number of clients"* ]]'
  says 'has as many clients as it takes: see its maxclients'
}

@test "NOREPLICAS" {
  server_is_at_least 7.0 || skip "a script writes all the same"
  start_nodes 1 --min-replicas-to-write 1
  says 'has too few replicas to take writes (NOREPLICAS): see its min-replicas-to-write'
}

# It serves loopback addresses only, and so wants another one: in a network of the test's own.
@test "protected mode" {
  unshare --net true 2> /dev/null || skip "this user may not have a network namespace"
  cat > "$marks/inside" <<'INSIDE'
set -eu
/usr/bin/python3 -c '
import fcntl, socket, struct
control = socket.socket()
def set_address(name, address, flags):
    fcntl.ioctl(control, 0x8916, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(address))) # SIOCSIFADDR
    fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", name, flags)) # SIOCSIFFLAGS, IFF_UP
fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 1))
set_address(b"lo:1", "192.0.2.1", 1)'
redis-server $bind --port 6379 --save '' --protected-mode yes --daemonize yes --dir "$marks" \
  --pidfile "$marks/pid" > /dev/null
trap 'kill "$(< "$marks/pid")"' EXIT
until [[ $(redis-cli PING 2>&1) == PONG ]]; do read -rt 0.01 <> <(:) || :; done
REDLOCK_CONFIG=/dev/null "$REDLOCK" run -n --node redis://192.0.2.1 x -- true
INSIDE
  export marks bind='--bind 192.0.2.1 127.0.0.1'
  server_is_at_least 7.0 || bind= # with one, it is in protected mode no longer
  try unshare --net bash "$marks/inside"
  [ "$status" -eq 69 ]
  [[ $stderr == *"  redis://192.0.2.1:6379/0: is in protected mode and serves its own machine only: give it a password, or set its bind"* ]]
}

@test "a server that speaks TLS, asked without" {
  command -v openssl > /dev/null || skip "openssl makes the certificate"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$marks/key" -out "$marks/cert" \
    -days 2 -subj /CN=localhost 2> /dev/null
  start_nodes 1
  local port=$(free_ports "$nodes_address" 1)
  config_set tls-cert-file "$marks/cert" tls-key-file "$marks/key" tls-ca-cert-file "$marks/cert" tls-port "$port" ||
    skip "this redis-server has no TLS"
  echo "redis://$nodes_address:$port" > "$nodes_dir/1.url"
  use_nodes 1
  says 'the connection ended before the answer: '
  [[ $stderr == *'if it speaks TLS, use rediss://'* ]]
}
