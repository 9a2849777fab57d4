#!/usr/bin/env bats
# redlock nodes: what each node is like, and whether they are fit for locks. Each test has nodes of its own.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
}
setup() { redlock_setup; }
teardown() {
  redlock_teardown
  stop_nodes
}

try_nodes() { try "$REDLOCK" nodes "$@"; }
json() { /usr/bin/python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<< "$output"; }
verdict() { echo "${lines[-1]}"; }

@test "three healthy nodes are safe" {
  start_nodes 3 --appendonly yes --appendfsync always
  # Nodes of a test are young; with what they write to disk they need no quarantine.
  try_nodes
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  [ "$(verdict)" = "safe: all 3 nodes can vote, 2 are needed" ]
  local version=$(redis_cli 1 INFO server | sed -n 's/^redis_version:\(.*\)\r$/\1/p')
  [ "$(grep -cE "^redis://[^ ]+ +yes +[0-9.]+ ms +[A-Z][a-z]+ [0-9.]+ +master +[0-9]+m?s .*AOF, fsync always +no limit +[+-][0-9.]+ ms$" <<< "$output")" -eq 3 ]
  [[ -n $version ]]
  [ "${#lines[@]}" -eq 6 ]
  try_nodes --json
  [ "$status" -eq 0 ]
  [ "$(json 'it["verdict"], it["voters"], it["quorum"], len(it["nodes"])')" = "('safe', 3, 2, 3)" ]
  [ "$(json 'it["nodes"][0]["role"], it["nodes"][0]["aof"], it["nodes"][0]["appendfsync"], it["nodes"][0]["maxmemory"]')" = "('master', True, 'always', 0)" ]
  [ "$(json 'it["nodes"][0]["url"]')" = "$(url_of 1)/0" ]
  [ "$(json 'all(n["round_trip_us"] > 0 and abs(n["clock_ahead_us"]) < 1000000 and n["warnings"] == [] for n in it["nodes"])')" = True ]
}

@test "nodes without a configuration anywhere says what to write, and that is right" {
  start_nodes 3
  unset REDLOCK_NODES REDLOCK_CONFIG
  [[ ! -e /etc/redlock/config.toml ]] || skip "this machine has a configuration"
  local place=/etc/redlock/config.toml
  (($(id -u) == 0)) || place=$XDG_CONFIG_HOME/redlock/config.toml
  try_nodes # whatever listens at 6379
  [[ $status -eq 0 || $status -eq 69 ]]
  local verdict="^(safe|works|no quorum)"
  [[ ${lines[-1]} =~ $verdict ]]
  [ "$(grep -c '^redlock: ' <<< "$stderr")" -eq 2 ]
  [[ $stderr == *$'\n'"redlock: name your nodes in '$place', "* ]]
  local example=$(sed '1,/name your nodes in/d' <<< "$stderr") i
  for i in 1 2 3; do
    [[ $example == *"redis://redis$i.example.com:6379"* ]]
    example=${example/redis:\/\/redis$i.example.com:6379/$(url_of $i)}
  done
  echo "$example" > "$BATS_TEST_TMPDIR/example.toml"
  try_nodes -c "$BATS_TEST_TMPDIR/example.toml"
  [ "$status" -eq 0 ]
  [ "$(grep -c '^redis://.* yes ' <<< "$output")" -eq 3 ]
  [ -z "$stderr" ]
  echo '[defaults]' > "$BATS_TEST_TMPDIR/empty.toml"
  try_nodes -c "$BATS_TEST_TMPDIR/empty.toml"
  [[ $stderr == *"name your nodes in '$BATS_TEST_TMPDIR/empty.toml'"* ]]
  try "$REDLOCK" -q nodes
  [[ $stderr != *"your nodes in"* && $stderr != *"[[node]]"* ]]
  try_nodes --json
  [[ $stderr != *"your nodes in"* && $output == "{"* ]]
}

@test "it changes nothing on the nodes" {
  start_nodes 3
  try_nodes
  [ "$status" -eq 0 ]
  [ -z "$(on_all_nodes KEYS '*')" ]
}

@test "nodes that restarted lately are in quarantine" {
  start_nodes 3
  unset REDLOCK_RESTART_QUARANTINE
  try_nodes
  [ "$status" -eq 69 ]
  [ "$(verdict)" = "no quorum: 0 of 3 nodes can vote, 2 are needed" ]
  [[ $output == *": restarted lately and may have forgotten a lock: no vote for another "*"(quarantine 30s)"* ]]
  try_nodes --restart-quarantine 0s
  [ "$status" -eq 0 ]
  [[ $(verdict) == "works, but 3 of 3 nodes forget their locks in a restart" ]]
  [[ $output == *"all nodes: may forget its locks when it restarts"* ]]
}

@test "a node that is down, hangs, is a replica, is in a cluster, or wants a password: its reason, and no vote" {
  start_nodes 5 --appendonly yes --appendfsync always
  kill_node 1
  try_nodes
  [ "$status" -eq 0 ]
  [ "$(verdict)" = "works, but 1 of 5 nodes cannot vote" ]
  [[ $output == *"$(url_of 1)/0: connection refused: is redis-server running there?"* ]]
  local port=$(url_of 2)
  redis_cli 3 REPLICAOF "$nodes_address" "${port##*:}" > /dev/null
  redis_cli 4 CONFIG SET requirepass secret > /dev/null
  freeze_node 5
  try_nodes --node-timeout 3s
  [ "$status" -eq 69 ]
  [ "$(verdict)" = "no quorum: 1 of 5 nodes can vote, 3 are needed" ]
  [[ $output == *"$(url_of 3)/0: is a replica, which has no vote: name its master instead"* ]]
  [[ $output == *"$(url_of 4)/0: asks for a password (NOAUTH)"* ]]
  [[ $output == *"$(url_of 5)/0: timed out"* ]]
  [[ $output == *"$(url_of 3)/0 "*" no "*" replica "* ]]
  try_nodes --json --node-timeout 3s
  [ "$status" -eq 69 ]
  [ "$(json 'it["verdict"], [n["votes"] for n in it["nodes"]], [n["answers"] for n in it["nodes"]]')" = \
    "('no quorum', [False, True, False, False, False], [False, True, True, False, False])" ]
  thaw_node 5
}

@test "a node in cluster mode has no vote" {
  start_cluster_node
  try_nodes
  [ "$status" -eq 69 ]
  [[ $output == *" cluster "*"is in cluster mode, which has no vote"* ]]
}

@test "eviction is warned of where it can happen" {
  start_nodes 3 --appendonly yes --appendfsync always
  redis_cli 1 CONFIG SET maxmemory 100mb > /dev/null
  redis_cli 1 CONFIG SET maxmemory-policy volatile-lru > /dev/null
  redis_cli 2 CONFIG SET maxmemory-policy allkeys-lru > /dev/null
  try_nodes
  [ "$status" -eq 0 ]
  [ "$(verdict)" = "works, but 1 of 3 nodes may evict locks" ]
  [[ $output == *"$(url_of 1)/0: may evict locks when its memory is full (maxmemory-policy volatile-lru): set it to noeviction"* ]]
  [[ $output == *" 100 MiB, volatile-lru "* ]]
  [[ $output != *"$(url_of 2)/0: "* ]]
}

@test "a node that would refuse a lock does not pass for a voter" {
  start_nodes 3 --appendonly yes --appendfsync always
  redis_cli 1 CONFIG SET maxmemory 1 > /dev/null
  if server_is_at_least 7.0; then
    redis_cli 2 CONFIG SET min-replicas-to-write 1 > /dev/null
  else # a script may write all the same
    redis_cli 2 CONFIG SET maxmemory 1 > /dev/null
  fi
  try_nodes
  [ "$status" -eq 69 ]
  [[ $output == *"$(url_of 1)/0"*": takes no locks now: it has no memory left (OOM)"* ]]
  ! server_is_at_least 7.0 ||
    [[ $output == *"$(url_of 2)/0: takes no locks now: it has too few replicas to take writes (NOREPLICAS)"* ]]
  # And so it is.
  try_run -n "$lock" -- true
  [ "$status" -eq 69 ]
}

@test "what an ACL forbids is not permitted to ask, and no failure" {
  start_nodes 3 --appendonly yes
  local node url urls=
  for node in 1 2 3; do
    redis_cli "$node" ACL SETUSER locker on '>s3cret' '~lock*' '~redlock.*:lock*' +@all -config > /dev/null
    redis_cli "$node" ACL SETUSER quiet on '>s3cret' '~*' +@all -info -role -config > /dev/null
    redis_cli "$node" ACL SETUSER barred on '>s3cret' '~*' +@all -eval > /dev/null
    url=$(url_of "$node")
    urls+="${url/redis:\/\//redis://USER:s3cret@} "
  done
  REDLOCK_NODES=${urls//USER/locker} try_nodes
  [ "$status" -eq 0 ]
  [[ $output == *" AOF, fsync not permitted to ask "* ]]
  [ "$(grep -c ' yes  ' <<< "$output")" -eq 3 ]
  REDLOCK_NODES=${urls//USER/locker} try_nodes --json
  [ "$(json 'it["voters"], it["nodes"][0]["appendfsync"], it["nodes"][0]["aof"]')" = "(3, None, True)" ]
  REDLOCK_NODES=${urls//USER/quiet} try_nodes
  [ "$status" -eq 0 ]
  [ "$(grep -c ' not permitted to ask' <<< "$output")" -eq 3 ]
  [[ $(verdict) == "works, but 3 of 3 nodes do not say whether they restarted; "* ]]
  REDLOCK_NODES=${urls//USER/barred} try_nodes
  [ "$status" -eq 69 ]
  [[ $output == *"takes no locks now: it its ACL forbids"* || $output == *"'barred'"* ]]
  [[ $output$stderr != *s3cret* ]]
}

@test "one node, and two, are said to be no more than that" {
  start_nodes 2 --appendonly yes --appendfsync always
  try_nodes
  [ "$status" -eq 0 ]
  [ "$(verdict)" = "works, but 2 nodes are no better than 1" ]
  use_nodes 1
  try_nodes
  [ "$status" -eq 0 ]
  [ "$(verdict)" = "works, but no lock survives the loss of the only node" ]
}

@test "one server by two names is refused, with the table" {
  start_nodes 2
  REDLOCK_NODES+=" redis://[::ffff:$nodes_address]:$(sed 's/.*://' "$nodes_dir/1.url")"
  try_nodes
  [ "$status" -eq 78 ]
  [[ $output == "NODE "*"$(url_of 1)/0 "* ]]
  [[ $output != *"safe"* && $output != *"works"* ]]
  [[ $stderr == *"one and the same server"* ]]
}

# A server whose clock and whose words are not to be trusted: answers INFO, ROLE, CONFIG, EVAL and TIME as told.
start_liar() {
  rm -f "$marks/port" # of the one before
  /usr/bin/python3 - "$@" > "$marks/port" 3>&- <<'PYTHON' &
import socket, sys, threading, time
ahead, version = int(sys.argv[1]), sys.argv[2].encode().decode("unicode_escape")
def bulk(text):
    data = text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)
INFO = (f"# Server\r\n{version}\r\nredis_mode:standalone\r\nrun_id:{'f' * 40}\r\nuptime_in_seconds:86400\r\nrole:master\r\n"
        "aof_enabled:0\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n")
def answer(words):
    name = words[0].upper()
    if name == "INFO": return bulk(INFO)
    if name == "ROLE": return b"*3\r\n" + bulk("master") + b":0\r\n*0\r\n"
    if name == "CONFIG": return b"-ERR unknown command 'CONFIG'\r\n"
    if name == "EVAL": return b"*0\r\n"
    if name == "SCAN": return b"-ERR syntax error\r\n"
    if name == "TIME": return b"*2\r\n" + bulk(str(int(time.time()) + ahead)) + bulk("0")
    return b"-ERR unknown command\r\n"
def serve(peer):
    file = peer.makefile("rb")
    while header := file.readline():
        words = []
        for _ in range(int(header[1:])):
            size = int(file.readline()[1:])
            words.append(file.read(size + 2)[:-2].decode())
        peer.sendall(answer(words))
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
PYTHON
  started+=($!)
  wait_until 20 has_lines 1 "$marks/port"
  liar=redis://127.0.0.1:$(< "$marks/port")
}

@test "a clock that is off is warned of, either way" {
  start_nodes 2 --appendonly yes --appendfsync always
  local nodes=$REDLOCK_NODES
  start_liar 3600 redis_version:7.2.0
  REDLOCK_NODES="$nodes $liar" try_nodes
  [[ $output == *"$liar/0: its clock is 59m 5"*"s ahead of ours: "* || $output == *"$liar/0: its clock is 1h ahead of ours: "* ]]
  [[ $(verdict) == *"1 of 3 nodes has a clock that is off"* ]]
  start_liar -95 redis_version:7.2.0
  REDLOCK_NODES="$nodes $liar" try_nodes
  [[ $output == *"$liar/0: its clock is 1m 3"?"s behind ours: "* ]]
}

@test "nodes whose clocks were set back behind their start count as just restarted, and nodes says so" {
  echo 0 > "$marks/clock"
  LD_PRELOAD=$helpers_dir/libset-clock.so SET_CLOCK=$marks/clock start_nodes 3
  echo -3600 > "$marks/clock"
  behind() { [[ $(redis_cli "$1" INFO server) == *uptime_in_seconds:-3* ]]; }
  local node
  for node in 1 2 3; do wait_until 20 behind "$node"; done
  # They are in quarantine by our own clock, from when they are first heard of in one long wait.
  try_run -n --ttl 10s --restart-quarantine 1s "$lock" -- true
  [ "$status" -eq 69 ]
  [[ $stderr == *"says that it is yet to start, since its clock was set back"* ]]
  try_run -w 60s --ttl 10s --retry-delay 50ms --restart-quarantine 1s "$lock" -- true
  [ "$status" -eq 0 ]
  try_run -n "$lock" -- true # without a quarantine
  [ "$status" -eq 0 ]
  try_nodes --restart-quarantine 30s
  [ "$status" -eq 69 ]
  [[ $output == *"its clock was set back"*"no vote for another "* ]]
  try_nodes
  [ "$status" -eq 0 ]
  [[ $(verdict) == *"3 of 3 nodes had their clocks set back"* ]]
  [[ $output == *" -59m "* || $output == *" -1h "* ]]
  [[ $output == *"its clock was set back behind its start"* ]]
  try_nodes --json
  [ "$(json 'all(-3601 <= n["uptime_s"] < 0 for n in it["nodes"])')" = True ]
}

@test "servers of other makes are called by their names, and what they say is escaped" {
  start_liar 0 'redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.3'
  REDLOCK_NODES=$liar try_nodes
  [[ $output == *" Valkey 8.1.3 "* ]]
  [[ $output == *"no AOF, snapshots not permitted to ask"* ]]
  start_liar 0 'redis_version:7.4.0\r\ndragonfly_version:df-v1.27.1'
  REDLOCK_NODES=$liar try_nodes
  [[ $output == *" Dragonfly df-v1.27.1 "* ]]
  start_liar 0 'redis_version:6.3.4\r\nexecutable:/usr/bin/keydb-server'
  REDLOCK_NODES=$liar try_nodes
  [[ $output == *" KeyDB 6.3.4 "* ]]
  start_liar 0 'redis_version:7.2.4\r\nredict_version:7.3.6'
  REDLOCK_NODES=$liar try_nodes
  [[ $output == *" Redict 7.3.6 "* ]]
  start_liar 0 'redis_version:\x1b[2J7'
  REDLOCK_NODES=$liar try_nodes
  [[ $output == *'Redis \x1b[2J7'* && $output != *$'\e'* ]]
}

@test "a node in cluster mode has no vote, whatever its server calls the mode" {
  local mode
  for mode in server_mode redict_mode nextdis_mode; do
    start_liar 0 "redis_version:7.2.4\r\n$mode:cluster"
    REDLOCK_NODES=$liar try_nodes
    [ "$status" -eq 69 ]
    [[ $output == *"is in cluster mode, which has no vote"* ]]
    REDLOCK_NODES=$liar try_run -n '{name}' -- true
    [ "$status" -eq 69 ]
  done
  # Where INFO is forbidden, it shows when keys of different slots are asked for.
  start_cluster_node
  redis_cli 1 CLUSTER ADDSLOTS {0..16383} > /dev/null
  redis_cli 1 ACL SETUSER quiet on '>s3cret' '~*' $(all_channels) +@all -info > /dev/null
  local url=$(url_of 1)
  is_ok() { [[ $(redis_cli 1 CLUSTER INFO) == *cluster_state:ok* ]]; }
  wait_until 20 is_ok
  REDLOCK_NODES=${url/\/\//\/\/quiet:s3cret@} try_nodes
  [ "$status" -eq 69 ]
  [[ $output == *"takes no locks now: it is part of a Redis Cluster"*CROSSSLOT* ]]
  # A cluster has all keys of a name in braces in one slot, and would grant it.
  REDLOCK_NODES=${url/\/\//\/\/quiet:s3cret@} try_run -n '{name}' -- touch "$marks/ran"
  [ "$status" -eq 69 ]
  [[ $stderr == *"forbids or renames INFO or ROLE, and may be part of a cluster"* ]]
  [ ! -e "$marks/ran" ]
}

@test "a right that locks or waiting clients need, and that is missing, is named" {
  start_nodes 1
  local url=$(url_of 1) command
  REDLOCK_NODES=${url/\/\//\/\/user:pw@}
  for command in get set del pttl pexpire hset hmget; do
    redis_cli 1 ACL SETUSER user reset on '>pw' '~*' $(all_channels) +@all "-$command" > /dev/null
    try_nodes
    [ "$status" -eq 69 ]
    [[ ${output,,} == *"takes no locks now: its acl forbids user 'user' what a lock needs (noperm for $command)"* ]]
  done
  for command in time zadd zrange zrem zremrangebyscore client subscribe; do
    redis_cli 1 ACL SETUSER user reset on '>pw' '~*' $(all_channels) +@all "-$command" > /dev/null
    try_nodes
    [ "$status" -eq 0 ]
    [[ ${output,,} == *"does not tell waiting clients of a release, so that they look again and again: "*"(noperm for $command"* ]]
  done
  redis_cli 1 ACL SETUSER user reset on '>pw' '~*' $(all_channels) +@all > /dev/null
  try_nodes
  [[ $output != *"waiting clients"* ]]
}

@test "without a right that an extension needs no lock is granted, and one that is held is held all the same" {
  start_nodes 1
  local own=$(url_of 1) command rights key
  "$REDLOCK" acquire --ttl 10m held > /dev/null
  REDLOCK_NODES=${own/\/\//\/\/user:pw@}
  for command in set del pttl pexpire hset hmget get; do
    redis_cli 1 ACL SETUSER user reset on '>pw' '~*' $(all_channels) +@all "-$command" > /dev/null
    for rights in free '--slots 2 both'; do
      try_run -n $rights -- touch "$marks/ran"
      [ "$status" -eq 69 ]
      [[ ${stderr,,} == *"its acl forbids user 'user' what a lock needs (noperm for $command)"* ]]
    done
    [ -z "$(redis_cli 1 EXISTS free 'both#1' 'both#2' | grep -v 0)" ]
    for key in $(redis_cli 1 KEYS '*'); do
      [ "$(redis_cli 1 PTTL "$key")" != -1 ] || { echo "without $command, $key was left for ever"; false; }
    done
    [ "$command" != get ] || continue
    try_run -n held -- touch "$marks/ran"
    [ "$status" -eq 75 ]
    [[ $stderr == *"'held' is held by "*"it expires in "* ]]
  done
  for command in get pttl; do
    redis_cli 1 ACL SETUSER user reset on '>pw' '~*' $(all_channels) +@all "-$command" > /dev/null
    try "$REDLOCK" status held
    [ "$status" -eq 69 ]
    [[ ${output,,} == *"its acl forbids user 'user' what a lock needs (noperm for $command)"* ]]
    try "$REDLOCK" list
    [ "$status" -eq 69 ]
    [[ ${stderr,,} == "redlock: no quorum: 0 of 1 node could be searched, 1 needed"*"(noperm for $command)"* ]]
  done
  [ ! -e "$marks/ran" ]
}

@test "where the keys of the trial are forbidden it says so, and a lock names the keys that it needs" {
  start_nodes 1
  local url=$(url_of 1) keys
  REDLOCK_NODES=${url/\/\//\/\/user:pw@}
  local forms=('~nightly-* ~redlock.*:nightly-*' '~a ~redlock.trial*')
  redis_cli 1 ACL SETUSER user reset '%R~*' | grep -q OK && forms+=('%R~*') # from 7.0 on
  for keys in "${forms[@]}"; do
    redis_cli 1 ACL SETUSER user reset on '>pw' $keys $(all_channels) +@all > /dev/null
    try_nodes
    [ "$status" -eq 0 ]
    if [[ $keys != *trial* ]]; then
      [[ $output == *"$url/0: could not try whether it takes locks: "*"permit ~redlock.trial*"* ]]
      [[ $output == *"works, but the node could not be tried"* ]]
    fi
    try_run -n a -- true
    [ "$status" -eq 69 ]
    [[ $stderr == *"its ACL forbids user 'user' a key that a lock needs (NOPERM): permit ~a ~redlock.*:a"* ]]
  done
  redis_cli 1 ACL SETUSER user reset on '>pw' '~p:a' $(all_channels) +@all > /dev/null
  try "$REDLOCK" status --key-prefix p: a
  [ "$status" -eq 69 ]
  [[ $output == *"permit ~p:a ~redlock.*:p:a"* ]]
  try "$REDLOCK" extend a aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  [ "$status" -eq 69 ]
  [[ $stderr == *"permit ~a ~redlock.*:a"* ]]
}

@test "renamed commands, other data under the keys and a broken counter are named, with what to do" {
  local command
  for command in EVAL SET; do
    start_nodes 1 --rename-command $command ''
    try_nodes
    [ "$status" -eq 69 ]
    [[ $output == *"takes no locks now: it does not know $command, which a lock needs: it is renamed"* ]]
    try_run -n a -- true
    [ "$status" -eq 69 ]
    [[ $stderr == *"/0: does not know $command, which a lock needs: it is renamed"* && $stderr != *script* ]]
  done
  start_nodes 1
  redis_cli 1 LPUSH a x > /dev/null
  try_run -n a -- true
  [[ $stderr == *"has other data than a lock (WRONGTYPE) under a key of it, see TYPE of a: use another name, or a key_prefix" ]]
  redis_cli 1 DEL a > /dev/null
  redis_cli 1 SET redlock.fence:a x > /dev/null
  try_run -n a -- true
  [[ $stderr == *"has in redlock.fence:a what is no fence counter, an integer below 2^53: set it to"* ]]
}

@test "with the rights that redlock(1) gives for locks of some names nothing is missing" {
  start_nodes 1
  local url=$(url_of 1) rights
  rights=$(sed -n '/^ACL SETUSER redlock on/,/^\.Ed/{s/^ACL SETUSER redlock//;/^\.Ed/d;p}' "$BATS_TEST_DIRNAME/../../man/redlock.1")
  [ -n "$rights" ]
  redis_cli 1 ACL SETUSER redlock $rights | grep -q OK || # before 6.2
    redis_cli 1 ACL SETUSER redlock $(tr ' ' '\n' <<< "$rights" | grep -v -e '^&' -e '^resetchannels') | grep -q OK
  REDLOCK_NODES=${url/\/\//\/\/redlock:password@}
  try_nodes
  [ "$status" -eq 0 ]
  [[ $output != *ACL* && $output != *"not permitted"* ]]
  # And the trial is made: where a right of locks is missing, it shows.
  redis_cli 1 ACL SETUSER redlock -get > /dev/null
  try_nodes
  [ "$status" -eq 69 ]
  try_run -n nightly-x -- true
  [ "$status" -eq 69 ]
  redis_cli 1 ACL SETUSER redlock +get > /dev/null
  try_run -n nightly-x -- true
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
}

@test "a server that is too old is said to be" {
  start_liar 0 redis_version:5.0.14
  REDLOCK_NODES=$liar try_nodes
  [ "$status" -eq 0 ]
  [[ $output == *"$liar/0: is Redis 5.0.14: list, and that waiting clients are woken, need 6.0 or later"* ]]
  REDLOCK_NODES=$liar try "$REDLOCK" list
  [ "$status" -eq 69 ]
  [[ $stderr == *"ERR syntax error: SCAN with TYPE needs Redis 6.0 or later"* ]]
}

@test "at a terminal no line of the table is wider than it; warnings are told in full" {
  start_nodes 3 --appendonly yes --appendfsync always
  for columns in 1 20 60; do
    script -qec "stty cols $columns; exec env TERM=xterm '$REDLOCK' nodes" /dev/null < /dev/null > "$BATS_TEST_TMPDIR/seen"
    widest=$(head -n 4 "$BATS_TEST_TMPDIR/seen" | "$BATS_TEST_DIRNAME/../helpers/columns.py")
    ((widest <= columns))
    grep -q 'all 3 nodes can vote' "$BATS_TEST_TMPDIR/seen"
  done
}

@test "bad input: a name, an option of another command" {
  try_nodes some
  [ "$status" -eq 64 ]
  try_nodes --ttl 3s
  [ "$status" -eq 64 ]
}
