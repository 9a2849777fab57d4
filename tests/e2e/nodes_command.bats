#!/usr/bin/env bats
# redlock nodes: what each node is like, and whether they are fit for locks. Each test has nodes of its own.

load lib/redlock.bash

setup_file() { isolate; }
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
  try_nodes --node-timeout 300ms
  [ "$status" -eq 69 ]
  [ "$(verdict)" = "no quorum: 1 of 5 nodes can vote, 3 are needed" ]
  [[ $output == *"$(url_of 3)/0: is a replica, which has no vote: name its master instead"* ]]
  [[ $output == *"$(url_of 4)/0: asks for a password (NOAUTH)"* ]]
  [[ $output == *"$(url_of 5)/0: timed out"* ]]
  [[ $output == *"$(url_of 3)/0 "*" no "*" replica "* ]]
  try_nodes --json --node-timeout 300ms
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
  redis_cli 2 CONFIG SET min-replicas-to-write 1 > /dev/null
  try_nodes
  [ "$status" -eq 69 ]
  [[ $output == *"$(url_of 1)/0: takes no locks now: it has no memory left (OOM)"* ]]
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
    if name == "EVAL": return b"$-1\r\n"
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
  start_liar -90 redis_version:7.2.0
  REDLOCK_NODES="$nodes $liar" try_nodes
  [[ $output == *"$liar/0: its clock is 1m 3"*"s behind ours: "* ]]
}

@test "nodes whose clocks were set back behind their start count as just restarted, and nodes says so" {
  echo 0 > "$marks/clock"
  LD_PRELOAD=$helpers_dir/libset-clock.so SET_CLOCK=$marks/clock start_nodes 3
  echo -3600 > "$marks/clock"
  behind() { [[ $(redis_cli 1 INFO server) == *uptime_in_seconds:-3* ]]; }
  wait_until 20 behind
  # They are in quarantine by our own clock, from when they are first heard of in one long wait.
  try_run -n --ttl 500ms --restart-quarantine 1s "$lock" -- true
  [ "$status" -eq 69 ]
  [[ $stderr == *"says that it is yet to start, since its clock was set back"* ]]
  try_run -w 20s --ttl 500ms --retry-delay 50ms --restart-quarantine 1s "$lock" -- true
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
  start_liar 0 'redis_version:\x1b[2J7'
  REDLOCK_NODES=$liar try_nodes
  [[ $output == *'Redis \x1b[2J7'* && $output != *$'\e'* ]]
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
