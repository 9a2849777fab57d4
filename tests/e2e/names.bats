#!/usr/bin/env bats
# Nodes that are named by host name: several addresses, addresses that change, and resolvers that fail or hang. Most of
# it with a resolver of the tests' own (tests/helpers/fake-names.c), for which a name may have any addresses.

load lib/redlock.bash

setup_file() { isolate; }
setup() {
  redlock_setup
  names=$marks/names
  : > "$names"
}
teardown() {
  redlock_teardown
  stop_nodes
}

# For tests that use $names, with lines "NAME ADDRESS..." or "NAME hangs".
with_fake_names() {
  needs_preloading
  export FAKE_NAMES=$names
}
redlock_with_names() { LD_PRELOAD=$helpers_dir/libfake-names.so "$REDLOCK" "$@"; }
try_named() { try redlock_with_names run "$@"; }
asked_for() { grep -cx -- "$1" "$names.asked" || :; }
port_of() { local url=$(url_of "$1"); echo "${url##*:}"; }

# silent_addresses COUNT PORT: so many loopback addresses where a connection to PORT is neither made nor refused: the
# queue of the listener is full, and the kernel drops what would connect. In ${silent[@]}.
silent_addresses() {
  /usr/bin/python3 -c '
import socket, sys, time
kept = []
for i in range(int(sys.argv[1])):
    address = "127.99.%d.%d" % (i, int(sys.argv[2]) % 250 + 1)
    full = socket.create_server((address, int(sys.argv[2])), backlog=0)
    kept.append(full)
    for _ in range(4):
        kept.append(socket.socket())
        kept[-1].setblocking(False)
        kept[-1].connect_ex((address, int(sys.argv[2])))
    print(address, flush=True)
time.sleep(1000)
' "$1" "$2" > "$marks/silent" 3>&- &
  started+=($!)
  wait_until 10 has_lines "$1" "$marks/silent"
  mapfile -t silent < "$marks/silent"
}

@test "of a name's addresses, in both families, the one that answers is found" {
  with_fake_names
  start_nodes 1
  # Nobody listens on the others: they refuse.
  echo "node.test ::1 127.99.0.250 $nodes_address" > "$names"
  REDLOCK_NODES=redis://node.test:$(port_of 1) try_named "$lock" -- echo ran
  [ "$output" = ran ]
  [ -z "$stderr" ]
  kill_node 1
  REDLOCK_NODES=redis://node.test:$(port_of 1) try_named -n "$lock" -- true
  [ "$status" -eq 69 ]
  [[ $stderr == *"redis://node.test:$(port_of 1)/0: connection refused"* ]]
}

# Five that are silent, a quarter of a second each, would take longer than there is.
@test "a name with silent addresses leads to the one that answers within the node timeout, however short" {
  with_fake_names
  start_nodes 1
  silent_addresses 5 "$(port_of 1)"
  echo "node.test ${silent[*]} $nodes_address" > "$names"
  reaches_it() {
    REDLOCK_NODES=redis://node.test:$(port_of 1) try_named -n --node-timeout 1200ms "$lock" -- echo ran
    [ "$output" = ran ]
  }
  wait_until 30 reaches_it # not while the machine stands still for as long as an address has
  echo "node.test ${silent[*]}" > "$names"
  REDLOCK_NODES=redis://node.test:$(port_of 1) try_named -n --node-timeout 2s "$lock" -- true
  [ "$status" -eq 69 ]
  [[ $stderr == *"timed out (connecting)"* ]]
}

@test "a name that does not resolve, and a resolver that hangs, cost one node each and not the others' time" {
  with_fake_names
  start_nodes 3
  echo "slow.test hangs" > "$names"
  local healthy=$REDLOCK_NODES start=$(microseconds)
  REDLOCK_NODES="redis://slow.test redis://nowhere.test $healthy" \
    try_named -n --ttl 90s --node-timeout 30s "$lock" -- \
    sh -c "until grep -qx slow.test '$names.asked' 2> /dev/null; do sleep 0.01; done; echo ran"
  echo "# $(milliseconds_since "$start") ms, with a node_timeout of 30 s" >&3
  [ "$output" = ran ]
  [ -z "$stderr" ]
  (($(milliseconds_since "$start") < 15000))
  [ "$(asked_for slow.test)" -eq 1 ]
  nothing_left_of "$lock"
}

@test "a resolver that hangs is given up at the deadline, in words, and the program ends" {
  with_fake_names
  start_nodes 1
  echo "slow.test hangs" > "$names"
  local start=$(microseconds) nodes=$REDLOCK_NODES
  REDLOCK_NODES="redis://slow.test redis://slow.test:1 $nodes" try_named -n --node-timeout 300ms "$lock" -- true
  local took=$(milliseconds_since "$start")
  echo "# ended after $took ms, with a node_timeout of 300 ms" >&3
  [ "$status" -eq 69 ]
  [[ $stderr == *"redis://slow.test:6379/0: timed out (resolving its name)"* ]]
  ((took >= 300 && took < 15000))
  nothing_left_of "$lock"
  # However often the node is asked again, one thread waits for the resolver: one for requests, and one for the subscription
  # by which a client that waits hears of changes.
  rm "$names.asked"
  LD_PRELOAD=$helpers_dir/libfake-names.so REDLOCK_NODES="redis://slow.test $nodes redis://nowhere.test" \
    start_redlock one run -w 1m --retry-delay 50ms --node-timeout 50ms "$lock" -- true
  wait_until 20 eval '(($(asked_for nowhere.test) >= 4))'
  (($(asked_for slow.test) <= 2))
  kill -TERM "$redlock"
  finish "$redlock"
  [ "$status" -eq 143 ]
}

# A question asks twice, the second time for all families. Without pauses there would be hundreds.
@test "a name that does not resolve is asked for less and less, and is found when it does" {
  with_fake_names
  start_nodes 1
  local names_of_node="redis://node.test:$(port_of 1)"
  REDLOCK_NODES=$names_of_node try_named -w 3s --retry-delay 10ms "$lock" -- true
  [ "$status" -eq 69 ]
  [[ $stderr == *"the name 'node.test' cannot be resolved: no such name"* ]]
  echo "# asked $(asked_for node.test) times in 3 s" >&3
  (($(asked_for node.test) >= 4 && $(asked_for node.test) <= 8))

  rm "$names.asked"
  LD_PRELOAD=$helpers_dir/libfake-names.so REDLOCK_NODES=$names_of_node \
    start_redlock one run --retry-delay 10ms "$lock" -- echo ran
  wait_until 20 eval '(($(asked_for node.test) >= 4))'
  echo "node.test $nodes_address" > "$names"
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ "$(< "$marks/one.out")" = ran ]
}

@test "a signal ends a redlock that waits for a resolver" {
  with_fake_names
  start_nodes 1
  echo "slow.test hangs" > "$names"
  LD_PRELOAD=$helpers_dir/libfake-names.so REDLOCK_NODES="redis://slow.test" \
    start_redlock one run --node-timeout 20s --ttl 60s "$lock" -- true
  wait_until 20 eval '(($(asked_for slow.test) >= 1))'
  local start=$(microseconds)
  kill -TERM "$redlock"
  finish "$redlock"
  [ "$status" -eq 143 ]
  (($(milliseconds_since "$start") < 15000))
}

# move_node N ADDRESS: the server N is gone, and an empty one is at ADDRESS, on the same port.
move_node() {
  local port=$(port_of "$1")
  kill_node "$1"
  setpriv --pdeathsig KILL redis-server --bind "$2" --port "$port" --save '' --protected-mode no --dir "$nodes_dir" \
    --logfile "$nodes_dir/moved-$1.log" > /dev/null 2>&1 3>&- &
  echo $! > "$nodes_dir/$1.pid"
  disown
  wait_until 20 eval '[[ $(redis-cli -h '"$2"' -p '"$port"' PING 2>&1) == PONG ]]'
}

# follows_the_name SET_NAMES START...: a holder of a lock on three named nodes finds each of them at its new address.
follows_the_name() {
  local set_names=$1 node address=() url
  shift
  start_nodes 3
  for node in 1 2 3; do address[node]=$nodes_address; done
  "$set_names"
  REDLOCK_NODES="redis://a.test:$(port_of 1) redis://b.test:$(port_of 2) redis://c.test:$(port_of 3)"
  "$@" --ttl 4s -k 100ms "$lock" -- sh -c "touch '$marks/held'; while [ ! -e '$marks/go' ]; do sleep 0.02; done; echo went well"
  wait_until 20 test -e "$marks/held"
  wait_until 10 eval '(($(nodes_holding "$lock") == 3))'
  local token=$(redis_cli 1 GET "$lock")
  for node in 1 2 3; do
    address[node]=${nodes_address%.*}.$((${nodes_address##*.} + 1))
    move_node "$node" "${address[node]}"
    "$set_names"
    wait_until 20 eval '[[ $(redis-cli -h ${address[node]} -p "$(port_of "$node")" GET "$lock") == "$token" ]]'
    # The vote that was planted anew counts from the next extension on.
    left() { redis-cli -h "${address[node]}" -p "$(port_of "$node")" PTTL "$lock"; }
    local before=$(left) now
    extended() { now=$(left); ((now > before)) || { before=$now; false; }; }
    wait_until 20 extended
  done
  is_alive "$redlock"
  touch "$marks/go"
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ "$(< "$marks/one.out")" = 'went well' ]
}

@test "a host whose address changes between two extensions is found at the new one" {
  with_fake_names
  set_names() { printf '%s\n' "a.test ${address[1]}" "b.test ${address[2]}" "c.test ${address[3]}" > "$names"; }
  start_named() { LD_PRELOAD=$helpers_dir/libfake-names.so start_redlock one run "$@"; }
  follows_the_name set_names start_named
  (($(asked_for a.test) >= 2 && $(asked_for b.test) >= 2 && $(asked_for c.test) >= 2))
}

# The same with the resolver of the C library, and a hosts file of the test's own in a mount namespace.
@test "a host whose address changes in the hosts file between two extensions is found at the new one" {
  unshare --mount true 2> /dev/null || skip "this user may not have a mount namespace"
  set_names() { printf '%s\n' "${address[1]} a.test" "${address[2]} b.test" "${address[3]} c.test" > "$names"; }
  start_named() {
    unshare --mount sh -c 'mount --bind "$1" /etc/hosts; shift; exec "$@"' - "$names" "$REDLOCK" run "$@" \
      > "$marks/one.out" 2> "$marks/one.err" 3>&- &
    redlock=$!
    started+=("$redlock")
  }
  follows_the_name set_names start_named
}

# A network of the test's own, where the only name server takes every question and answers none.
@test "a name server that does not answer costs one node, and is given up at the deadline" {
  unshare --mount --net true 2> /dev/null || skip "this user may not have namespaces"
  cat > "$marks/inside" <<'INSIDE'
set -eu
printf 'nameserver 127.0.0.1\noptions timeout:30\n' > "$marks/resolv.conf"
mount --bind "$marks/resolv.conf" /etc/resolv.conf
printf 'hosts: dns\n' > "$marks/nsswitch.conf"
[ ! -e /etc/nsswitch.conf ] || mount --bind "$marks/nsswitch.conf" /etc/nsswitch.conf
/usr/bin/python3 -c '
import fcntl, socket, struct, sys
# ip link set lo up: SIOCSIFFLAGS, IFF_UP
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 1))
black_hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
black_hole.bind(("127.0.0.1", 53))
asked = open(sys.argv[1], "wb", buffering=0)
while True:
    asked.write(black_hole.recv(512) + b"\n")
' "$marks/asked" 3>&- &
trap "kill $!" EXIT
until [ -e "$marks/asked" ]; do read -rt 0.01 <> <(:) || :; done
REDLOCK_CONFIG=/dev/null "$REDLOCK" sandbox -n 2 -- sh -c '
  REDLOCK_NODES="redis://far.test $REDLOCK_NODES" "$REDLOCK" run -n --ttl 90s --node-timeout 30s x -- echo ran
  REDLOCK_NODES="redis://far.test" "$REDLOCK" run -n --node-timeout 3s y -- true'
INSIDE
  export marks
  local start=$(microseconds)
  try unshare --mount --net bash "$marks/inside"
  local took=$(milliseconds_since "$start")
  echo "# both runs took $took ms" >&3
  [ "$status" -eq 69 ]
  [ "$output" = ran ]
  [[ $stderr == *"redis://far.test:6379/0: timed out (resolving its name)"* ]]
  grep -q far "$marks/asked"
  ((took < 25000))
}
