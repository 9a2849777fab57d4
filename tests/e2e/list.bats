#!/usr/bin/env bats
# redlock list: the locks that the nodes know.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  start_nodes 5
}
setup() {
  redlock_setup
  [[ $nodes_dir == "$BATS_TEST_TMPDIR"/* ]] || on_all_nodes FLUSHALL > /dev/null
}
teardown() {
  redlock_teardown
  if [[ $nodes_dir == "$BATS_TEST_TMPDIR"/* ]]; then stop_nodes; fi
}
teardown_file() { stop_nodes; }

try_list() { try "$REDLOCK" list "$@"; }
json() { /usr/bin/python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<< "$output"; }
names() { json '" ".join(lock["name"] for lock in it)'; }

@test "no locks: nothing, which is no failure" {
  try_list
  [ "$status" -eq 0 ]
  [ -z "$output$stderr" ]
  try_list --json
  [ "$output" = '[]' ]
}

@test "locks with their holders, merged over all nodes, in the order of their names" {
  start_holder "$lock"
  plant backup aaaaaaaaaaaaaaaa 1 2 3
  plant aux bbbbbbbbbbbbbbbb 3 4 5
  try_list
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  [ "${#lines[@]}" -eq 4 ]
  [[ ${lines[1]} =~ ^aux\ +held\ +carol@web3\ \(pid\ 812\)\ +[0-9]+d.*\ [0-9]+s\ +4711\ +backup$ ]]
  [[ ${lines[2]} == "backup "* ]]
  [[ ${lines[3]} == "$lock "*" held "*"@$(hostname) (pid $holder)"*" sh" ]]
  try_list --json
  [ "$(names)" = "aux backup $lock" ]
  [ "$(json 'it[0]["state"], it[0]["holder"]["user"], it[0]["fence"], it[0]["votes"], it[0]["token"]')" = "('held', 'carol', 4711, 3, 'bbbbbbbb...')" ]
  [[ $output != *bbbbbbbbb* ]]
  end_holder
}

@test "a glob chooses, and the prefix is taken as it stands" {
  local name
  for name in deploy-a deploy-b 'deploy*' '[x]' 'p*:one' 'px:two'; do plant "$name" aaaaaaaaaaaaaaaa 1 2 3; done
  try_list --json 'deploy-*'
  [ "$(names)" = "deploy-a deploy-b" ]
  try_list --json 'deploy\*'
  [ "$(names)" = 'deploy*' ]
  try_list --json '\[?\]'
  [ "$(names)" = '[x]' ]
  try_list --json 'none*'
  [ "$status" -eq 0 ]
  [ "$output" = '[]' ]
  try_list --json --key-prefix 'p*:'
  [ "$(names)" = one ]
  REDLOCK_KEY_PREFIX=p try_list --json -- 'x:*'
  [ "$(names)" = x:two ]
}

@test "names of any kind, and holders of any kind, are shown on a line each" {
  local name
  for name in $'two\nlines' 'grüß 锁' '-n' '{x}' $'esc\e[31m'; do plant "$name" aaaaaaaaaaaaaaaa 1 2 3; done
  redis_cli 1 HSET 'redlock.info:{x}' user $'\e[2J' command $'a\nb' > /dev/null
  try_list
  [ "${#lines[@]}" -eq 6 ]
  [[ $output != *$'\e'* ]]
  [[ $output == *'two\nlines '* && $output == *'esc\x1b[31m '* && $output == *'\x1b[2J@web3'* ]]
  try_list --json
  [ "$(json '"two\nlines" in [lock["name"] for lock in it]')" = True ]
}

@test "a split lock is listed as one, a lock that is gone is not" {
  plant torn aaaaaaaaaaaaaaaa 1 2
  plant torn bbbbbbbbbbbbbbbb 3 4
  plant gone aaaaaaaaaaaaaaaa 1 2 3
  on_all_nodes DEL gone > /dev/null
  try_list --json
  [ "$(json '[(lock["name"], lock["state"], lock["contenders"]) for lock in it]')" = "[('torn', 'split', 2)]" ]
}

@test "what other libraries hold is not found, what they took over is told" {
  local node
  for node in 1 2 3; do redis_cli "$node" SET foreign deadbeefdeadbeef PX 60000 > /dev/null; done
  plant stale aaaaaaaaaaaaaaaa 1 2 3
  on_all_nodes SET stale deadbeefdeadbeef > /dev/null
  try_list --json
  [ "$(json '[(lock["name"], lock["state"]) for lock in it]')" = "[('stale', 'foreign')]" ]
}

@test "a minority of nodes that are down costs a warning, a majority the answer" {
  start_nodes 5
  plant backup aaaaaaaaaaaaaaaa 1 2 3
  kill_node 4
  freeze_node 5
  try_list --json --node-timeout 3s
  [ "$status" -eq 0 ]
  [ "$(json '[(lock["name"], lock["state"]) for lock in it]')" = "[('backup', 'held')]" ]
  [[ $stderr == *"warning: $(url_of 4)/0: connection refused"* ]]
  [[ $stderr == *"warning: $(url_of 5)/0: timed out"* ]]
  kill_node 3
  try_list --json --node-timeout 3s
  [ "$status" -eq 69 ]
  [[ $stderr == "redlock: no quorum: 2 of 5 nodes could be searched, 3 needed"* ]]
  # What the others know is shown all the same, for what it is.
  [ "$(json '[(lock["name"], lock["state"]) for lock in it]')" = "[('backup', 'unknown')]" ]
}

@test "nodes without a vote are not searched: no lock that they show is no news" {
  start_nodes 3
  local node
  for node in 2 3; do redis_cli "$node" REPLICAOF "$nodes_address" "$(url_of 1 | sed 's/.*://')" > /dev/null; done
  try_list --json
  [ "$status" -eq 69 ]
  [ "$output" = '[]' ]
  [[ $stderr == "redlock: no quorum: 1 of 3 nodes could be searched, 2 needed"*"$(url_of 2)/0: is a replica"*"$(url_of 3)/0: is a replica"* ]]
  try "$REDLOCK" break -y '*'
  [ "$status" -eq 69 ]
  [[ $stderr == *"is a replica"* && $stderr != *"no lock matches"* ]]
  redis_cli 2 REPLICAOF NO ONE > /dev/null
  try_list
  [ "$status" -eq 0 ]
  [[ $stderr == "redlock: warning: $(url_of 3)/0: is a replica"* ]]
  redis_cli 3 REPLICAOF NO ONE > /dev/null
  plant backup aaaaaaaaaaaaaaaa 1 2 3
  # In quarantine nodes may have forgotten some locks. What they show is true.
  try_list --json --restart-quarantine 1h
  [ "$status" -eq 69 ]
  [[ $stderr == *"$(url_of 1)/0: restarted lately and may have forgotten a lock"* ]]
  [ "$(json '[(lock["name"], lock["state"]) for lock in it]')" = "[('backup', 'held')]" ]
  try "$REDLOCK" break -y --restart-quarantine 1h 'back*'
  [ "$status" -eq 69 ]
  [[ $stderr == *"lock 'backup' is broken"* ]]
  start_cluster_node
  try_list
  [ "$status" -eq 69 ]
  [[ $stderr == *"is in cluster mode, which has no vote"* ]]
}

# calls NODE COMMAND: how often the server was asked, and the longest that one call took, in microseconds.
calls() { redis_cli "$1" INFO commandstats | sed -n "s/^cmdstat_$2:calls=\([0-9]*\),.*/\1/p"; }

@test "100,000 other keys cost some hundred short steps of SCAN, and no KEYS" {
  start_nodes 3
  local node count
  for node in 1 2 3; do [ "$(redis_cli "$node" EVAL "for i = 1, 100000 do redis.call('SET', 'other:' .. i, i) end return 1" 0)" = 1 ]; done
  # Infos of redlock, but of another prefix.
  redis_cli 1 EVAL "for i = 1, 5000 do redis.call('HSET', 'redlock.info:elsewhere:' .. i, 'token', 't') end" 0 > /dev/null
  plant mine:backup aaaaaaaaaaaaaaaa 1 2 3
  on_all_nodes CONFIG RESETSTAT > /dev/null
  on_all_nodes CONFIG SET slowlog-log-slower-than 20000 > /dev/null
  on_all_nodes SLOWLOG RESET > /dev/null
  local start=$(microseconds)
  try_list --json --key-prefix mine:
  echo "# listed among 100,000 other keys in $(milliseconds_since "$start") ms" >&3
  [ "$status" -eq 0 ]
  [ "$(names)" = backup ]
  for node in 1 2 3; do
    count=$(calls "$node" scan)
    echo "# node $node: $count calls of SCAN" >&3
    # A step is 1000 buckets of its table, which has up to twice as many as there are keys, and four times in between.
    ((count >= 60 && count <= 600))
    [ -z "$(calls "$node" keys)" ]
    [ "$(calls "$node" eval)" -eq 1 ]
    # Nothing else was asked, beside the greeting.
    [ -z "$(redis_cli "$node" INFO commandstats | grep -oE '^cmdstat_[^:]+' | grep -vxE 'cmdstat_(scan|eval|get|pttl|hmget|zcard|info|role|config(\|.*)?|slowlog(\|.*)?)')" ]
  done
}

@test "thousands of locks are listed" {
  start_nodes 3
  on_all_nodes EVAL "for i = 1, 2500 do
    redis.call('SET', 'lock' .. i, 'token' .. i, 'PX', 60000)
    redis.call('HSET', 'redlock.info:lock' .. i, 'token', 'token' .. i, 'host', 'h', 'pid', 1)
  end" 0 > /dev/null
  try_list --json
  [ "$status" -eq 0 ]
  [ "$(json 'len(it), all(lock["state"] == "held" for lock in it)')" = "(2500, True)" ]
}

@test "at a terminal no line is wider than it" {
  plant "锁锁锁 $(printf 'wide%.0s' {1..30})" aaaaaaaaaaaaaaaa 1 2 3
  for columns in 1 20 60; do
    script -qec "stty cols $columns; exec env TERM=xterm '$REDLOCK' list" /dev/null < /dev/null > "$BATS_TEST_TMPDIR/seen"
    widest=$("$BATS_TEST_DIRNAME/../helpers/columns.py" < "$BATS_TEST_TMPDIR/seen")
    ((widest <= columns))
  done
}
