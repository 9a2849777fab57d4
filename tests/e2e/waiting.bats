#!/usr/bin/env bats
# Waiting for a lock (redlock(1), WAITING): woken by the nodes, in the order of the queue. --retry-delay 1h where only the
# nodes can have woken the clients that were served.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
}
setup() {
  redlock_setup
  lock=job
  started=()
}
teardown() {
  redlock_teardown
  [[ -z ${proxy:-} ]] || kill "$proxy" 2> /dev/null || :
  stop_nodes
}

in_queue() { [[ $(redis_cli "$1" ZCARD "redlock.queue:$lock") == "$2" ]]; }
all_in_queue() {
  local node
  for node in $(all_nodes); do in_queue "$node" "$1" || return 1; done
}
# On a quorum of five nodes; at least so many, since a node that has refused the holder may have it in its queue, too.
quorum_has_queued() {
  local node nodes=0
  for node in $(all_nodes); do (($(redis_cli "$node" ZCARD "redlock.queue:$lock") < $1)) || ((++nodes)); done
  ((nodes >= 3))
}
listeners() { redis_cli "$1" CLIENT LIST | grep -c 'sub=[^0]' || :; }
# On all nodes: connections that are told of changes.
told_of_changes() {
  local node
  for node in $(all_nodes); do redis_cli "$node" INFO clients; done |
    awk -F '[:\r]' '/^tracking_clients:/ { all += $2 } END { print all + 0 }'
}
nobody_listens() {
  local node
  for node in $(all_nodes); do [[ $(listeners "$node") == 0 ]] || return 1; done
}

# start_waiter HANDLE [OPTION...]: its command adds HANDLE to $marks/served, and waits for $marks/HANDLE.go if $held.
# How long it would wait without the nodes: $delay.
held= delay=1h
start_waiter() {
  local script="echo $1 >> '$marks/served'"
  [[ -z $held ]] || script+="; until test -e '$marks/$1.go'; do sleep 0.01; done"
  start_redlock "$1" run --retry-delay "$delay" "${@:2}" "$lock" -- sh -c "$script"
  waiter=$redlock
}
# start_queue COUNT [OPTION...]: one after another, each in the queue before the next comes, on all nodes or on $queue_node.
start_queue() {
  local i
  waiters=()
  for ((i = 1; i <= $1; ++i)); do
    start_waiter "$i" "${@:2}"
    waiters+=("$waiter")
    if [[ -n ${queue_node:-} ]]; then
      wait_until 20 in_queue "$queue_node" "$i"
    else
      wait_until 20 all_in_queue "$i"
    fi
  done
}
served() { has_lines "$1" "$marks/served"; }
order_of_service() { tr '\n' ' ' < "$marks/served"; }

# --- woken ---------------------------------------------------------------------------------------------------------------

@test "a release wakes a waiting client" {
  start_nodes 5
  start_holder "$lock"
  start_queue 1
  end_holder
  finish "$waiter"
  [ "$status" -eq 0 ]
  wait_until 10 only_fences_left
}

@test "whatever frees the key wakes a waiting client: its expiry, DEL by hand, FLUSHALL" {
  start_nodes 5
  on_all_nodes SET "$lock" foreign PX 6000 # in the queue by then
  start_queue 1
  finish "$waiter"
  [ "$status" -eq 0 ]
  local command
  for command in "DEL $lock" FLUSHALL; do
    rm "$marks/served"
    on_all_nodes SET "$lock" foreign
    start_queue 1
    # shellcheck disable=SC2086 # two words
    on_all_nodes $command
    finish "$waiter"
    [ "$status" -eq 0 ]
    [ "$(order_of_service)" = '1 ' ]
  done
}

@test "a minority of nodes that is free wakes nobody into the lock" {
  start_nodes 5
  start_holder "$lock"
  start_queue 1
  redis_cli 1 DEL "$lock"
  redis_cli 2 DEL "$lock"
  # The holder plants it again where it was lost, at its next extension; until then others may look and must be refused.
  try_run -n "$lock" -- touch "$marks/twice"
  [ "$status" -eq 75 ]
  [ ! -e "$marks/served" ]
  [ ! -e "$marks/twice" ]
  end_holder
  finish "$waiter"
  [ "$status" -eq 0 ]
}

@test "connections to listen on are there only while somebody waits" {
  start_nodes 5
  try_run "$lock" -- true
  nobody_listens
  start_holder "$lock"
  try_run -n "$lock" -- true
  nobody_listens
  held=yes
  start_waiter 1
  wait_until 20 eval '(($(listeners 1) == 1 && $(listeners 5) == 1))'
  end_holder
  wait_until 20 served 1
  wait_until 20 nobody_listens
  touch "$marks/1.go"
  finish "$waiter"
  [ "$status" -eq 0 ]
}

@test "acquire waits in the queue like run, and leaves it" {
  start_nodes 5
  start_holder "$lock"
  start_redlock waiter acquire --retry-delay 1h "$lock"
  wait_until 20 all_in_queue 1
  end_holder
  finish "$redlock"
  [ "$status" -eq 0 ]
  wait_until 10 all_in_queue 0
  try "$REDLOCK" release "$lock" "$(< "$marks/waiter.out")"
  [ "$status" -eq 0 ]
}

@test "a minority of nodes that refuses the client that is granted the lock does not keep it in the queue" {
  start_nodes 5
  redis_cli 5 SET "$lock" foreign
  start_holder "$lock"
  wait_until 20 in_queue 5 0  # which has refused the holder, too
  start_queue 1
  wait_until 20 in_queue 5 1
  end_holder
  finish "$waiter"
  [ "$status" -eq 0 ]
  wait_until 10 all_in_queue 0
}

# --- the queue -----------------------------------------------------------------------------------------------------------

@test "the queue is the same on all nodes, in the order of arrival, and clients that do not wait are not in it" {
  start_nodes 5
  start_holder "$lock"
  local i node first waiters=()
  for i in 1 2 3; do # the name of one that comes later sorts behind
    start_waiter "$i"
    waiters+=("$waiter")
    wait_until 20 all_in_queue "$i"
    [ "$(head -n -1 <<< "$(redis_cli 1 ZRANGE "redlock.queue:$lock" 0 -1 | sort)")" = "${first:-}" ]
    first=$(redis_cli 1 ZRANGE "redlock.queue:$lock" 0 -1 | sort)
  done
  for node in 2 3 4 5; do [ "$(redis_cli "$node" ZRANGE "redlock.queue:$lock" 0 -1 | sort)" = "$first" ]; done
  try_run -n "$lock" -- true
  [ "$status" -eq 75 ]
  all_in_queue 3
  [ "$(redis_cli 1 PTTL "redlock.queue:$lock")" -gt 0 ]
  end_holder
  for waiter in "${waiters[@]}"; do finish "$waiter"; done
  has_lines 3 "$marks/served" # in which order, on a machine that is busy for more than a slot, is a matter of luck
  wait_until 10 only_fences_left
}

@test "thirty are served in their turn" {
  start_nodes 5
  start_holder "$lock"
  held=yes
  start_queue 30
  # The first two by all nodes; those behind are called. One that has heard of another late may have taken itself for the
  # second.
  wait_until 20 eval '(($(told_of_changes) >= 2 * 5))'
  (($(told_of_changes) <= 4 * 5))
  end_holder
  local i
  for ((i = 1; i <= 30; ++i)); do
    wait_until 30 served "$i"
    # One that stood still when it was its turn has been passed over, and is the first again when it goes on: give it the time.
    wait_until 3 quorum_has_queued $((30 - i)) || echo "not all are back in the queue after $i"
    touch "$marks/$(tail -n 1 "$marks/served").go"
  done
  for waiter in "${waiters[@]}"; do finish "$waiter"; done
  # Spearman's rank correlation with the order of arrival.
  order_of_service | /usr/bin/python3 -c '
import sys
order = [int(word) for word in sys.stdin.read().split()]
count = len(order)
correlation = 1 - 6 * sum((rank - came) ** 2 for rank, came in enumerate(order, 1)) / (count * (count ** 2 - 1))
print(order, correlation)
sys.exit(sorted(order) != list(range(1, 31)) or correlation < 0.98)'
  wait_until 10 only_fences_left
}

@test "a redlock that waits is one process, and a nice value or limit that it is given meanwhile is its command's" {
  start_nodes 3
  start_holder "$lock"
  start_redlock 1 run --retry-delay 1h "$lock" -- sh -c "echo \$(nice) \$(ulimit -n) > '$marks/served'"
  wait_until 20 all_in_queue 1
  renice -n 7 -p "$redlock"
  prlimit --pid "$redlock" --nofile=123:456
  [ -z "$(pgrep -P "$redlock")" ]
  end_holder
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ "$(< "$marks/served")" = '7 123' ]
}

@test "a signal that does not end a waiting client costs it no position in the queue" {
  start_nodes 5
  start_holder "$lock"
  start_queue 2
  local position=$(redis_cli 1 ZRANGE "redlock.queue:$lock" 0 -1 | sort)
  kill -WINCH "${waiters[0]}"
  kill -STOP "${waiters[0]}"
  kill -CONT "${waiters[0]}"
  wait_until 10 eval '[[ $(awk "/^ShdPnd|^SigPnd/ { print \$2 }" "/proc/${waiters[0]}/status" | sort -u) == 0000000000000000 ]]'
  wait_until 10 all_in_queue 2
  # It may be out of the queue for an instant, and comes back to where it was.
  wait_until 10 eval '[[ $(redis_cli 1 ZRANGE "redlock.queue:$lock" 0 -1 | sort) == "$position" ]]'
  end_holder
  for waiter in "${waiters[@]}"; do finish "$waiter"; done
  has_lines 2 "$marks/served"
}

@test "a client that gives up leaves the queue: time is up, TERM, INT, an interrupted acquire" {
  start_nodes 5
  start_holder "$lock"
  try_run -w 200ms "$lock" -- touch "$marks/ran"
  [ "$status" -eq 75 ]
  all_in_queue 0
  local signal
  for signal in TERM INT; do
    launch "$signal" "$REDLOCK" run "$lock" -- touch "$marks/ran"
    wait_until 20 all_in_queue 1
    kill -"$signal" "$launched"
    ending_of "$signal"
    all_in_queue 0
  done
  launch acquire "$REDLOCK" acquire "$lock"
  wait_until 20 all_in_queue 1
  kill -TERM "$launched"
  ending_of acquire
  all_in_queue 0
  [ ! -e "$marks/ran" ]
  end_holder
  wait_until 10 only_fences_left
}

@test "a queue that cannot be, or is deleted, costs the order and no more" {
  start_nodes 5
  start_holder "$lock"
  on_all_nodes SET "redlock.queue:$lock" 'not a queue'
  start_waiter 1
  wait_until 20 eval '(($(listeners 1) == 1))'
  end_holder
  finish "$waiter"
  [ "$status" -eq 0 ]
  on_all_nodes DEL "redlock.queue:$lock"
  start_holder "$lock"
  rm "$marks/served"
  start_queue 3
  on_all_nodes DEL "redlock.queue:$lock"
  end_holder
  for waiter in "${waiters[@]}"; do finish "$waiter"; done
  served 3
  wait_until 10 only_fences_left
}

@test "one that is dead or stopped at the head of the queue is passed over, and so are twenty" {
  start_nodes 5
  start_holder "$lock"
  start_queue 3
  kill -KILL "${waiters[0]}"
  kill -STOP "${waiters[1]}"
  wait_until 10 is_stopped "${waiters[1]}"
  end_holder
  finish "${waiters[2]}"
  [ "$status" -eq 0 ]
  [ "$(order_of_service)" = '3 ' ]
  kill -CONT "${waiters[1]}"
  finish "${waiters[1]}"
  [ "$status" -eq 0 ]

  rm "$marks/served"
  start_holder "$lock"
  start_queue 20
  local dead=("${waiters[@]}")
  queue_node=1 start_waiter last
  wait_until 20 in_queue 1 21
  kill -KILL "${dead[@]}"
  end_holder
  finish "$waiter"
  [ "$status" -eq 0 ]
  [ "$(order_of_service)" = 'last ' ]
  wait_until 10 only_fences_left
}

# --- trouble -------------------------------------------------------------------------------------------------------------

@test "two of five nodes that hang, before the waiting begins or after, do not keep anybody waiting" {
  start_nodes 5
  start_holder "$lock" --node-timeout 2s
  queue_node=3 start_queue 2 --node-timeout 2s
  freeze_node 1 2
  queue_node=3 start_waiter late --node-timeout 2s
  wait_until 20 in_queue 3 3
  end_holder
  for waiter in "${waiters[@]}" "$waiter"; do
    finish "$waiter"
    [ "$status" -eq 0 ]
  done
  served 3
}

@test "tracking that is cut, and a node that restarts, while twenty wait: all are served" {
  start_nodes 5
  start_holder "$lock"
  start_queue 20
  on_all_nodes CLIENT KILL TYPE pubsub
  restart_node 2
  on_all_nodes CLIENT KILL TYPE pubsub
  end_holder
  for waiter in "${waiters[@]}"; do
    finish "$waiter"
    [ "$status" -eq 0 ]
  done
  served 20
}

@test "where tracking is forbidden, or the queue, they try again every retry_delay" {
  start_nodes 3
  local node rights
  local tracking='-client|tracking'
  server_is_at_least 6.2 || tracking=-client
  for rights in "$tracking" '-subscribe' '-zadd -zrange -time'; do
    for node in 1 2 3; do
      # shellcheck disable=SC2086 # words
      redis_cli "$node" ACL SETUSER waiter reset on '>s3cret' '~*' $(all_channels) +@all $rights
    done
    start_holder "$lock"
    rm -f "$marks/1.err"
    REDLOCK_NODES=$(sed 's,://,://waiter:s3cret@,g' <<< "$REDLOCK_NODES") delay=20ms start_waiter 1
    wait_until 20 eval '[[ -s $marks/1.err ]]'
    end_holder
    finish "$waiter"
    [ "$status" -eq 0 ]
  done
  served 3
}

@test "where only calls are forbidden they are woken all the same" {
  start_nodes 3
  local node rights rounds=0
  for rights in '-publish' 'resetchannels &__redis__:invalidate'; do
    [[ $rights == -* ]] || server_is_at_least 6.2 || continue
    ((++rounds))
    for node in 1 2 3; do
      # shellcheck disable=SC2086 # words
      redis_cli "$node" ACL SETUSER waiter reset on '>s3cret' '~*' $(all_channels) +@all $rights
    done
    start_holder "$lock"
    REDLOCK_NODES=$(sed 's,://,://waiter:s3cret@,g' <<< "$REDLOCK_NODES") start_queue 6
    wait_until 20 eval '(($(told_of_changes) == 6 * 3))'
    end_holder
    for waiter in "${waiters[@]}"; do
      finish "$waiter"
      [ "$status" -eq 0 ]
    done
  done
  served $((6 * rounds))
}

@test "keys of others that begin with the name wake nobody for long" {
  start_nodes 3
  start_holder "$lock"
  start_queue 1
  local node
  for node in 1 2 3; do wait_until 20 eval '(($(listeners '"$node"') == 1))'; done
  for node in 1 2 3; do
    redis_cli "$node" EVAL "for i = 1, 5 do redis.call('SET', KEYS[1] .. ':' .. i, 'x') end" 1 "$lock" > /dev/null
    for _ in {1..300}; do echo "SET $lock:other x"; done | redis_cli "$node" > /dev/null
  done
  wait_until 20 nobody_listens
  # Ahead of the holder: it asks from time to time, though nobody tells any more.
  kill -TERM "$waiter"
  finish "$waiter"
  [ "$status" -eq 143 ]
  all_in_queue 0
  end_holder
}

@test "locks with one name the beginning of the other do not take each other's turn" {
  start_nodes 3
  start_holder "$lock"
  start_queue 1
  try_run "$lock-2" -- true
  [ "$status" -eq 0 ]
  on_all_nodes SET "$lock-3" foreign
  [ ! -e "$marks/served" ]
  in_queue 1 1
  end_holder
  finish "$waiter"
  [ "$status" -eq 0 ]
}

# --- what it costs -------------------------------------------------------------------------------------------------------

commands_seen() {
  local node
  for node in $(all_nodes); do redis_cli "$node" INFO commandstats; done |
    awk -F '[=,]' '/^cmdstat_/ && !/^cmdstat_info:/ { calls += $2 } END { print calls + 0 }'
}

@test "a waiting client asks the nodes for little" {
  start_nodes 5
  start_holder "$lock"
  start_queue 20
  wait_until 20 eval '(($(listeners 1) >= 4))'
  local before after began
  before=$(commands_seen)
  began=${EPOCHREALTIME/./}
  wait_until 30 eval '(($(milliseconds_since '"$began"') > 8000))'
  after=$(commands_seen)
  # 0.2 a second for each of 20 waiters and 5 nodes, and as much again for what looks at them, and luck.
  echo "$((after - before)) commands in $(milliseconds_since "$began") ms"
  ((after - before < 2 * 20 * $(milliseconds_since "$began") / 1000))
  end_holder
  for waiter in "${waiters[@]}"; do finish "$waiter"; done
}

@test "of thirty that do not wait, started at the same instant, far from the nodes, exactly one wins" {
  address=127.0.0.1 start_nodes 5
  far_nodes 5-15
  for ((round = 1; round <= ${REDLOCK_REPEAT:-3}; ++round)); do
    echo "round $round"
    run "$BATS_TEST_DIRNAME/../helpers/stampede.py" 30 "stampede $round"
    echo "$output"
    [ "$output" = '1 75' ]
  done
}
