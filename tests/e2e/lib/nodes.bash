# Redis servers for a test file or a single test: real ones, on a loopback address of their own, so that no connection
# of another test can be given one of their ports while a node is down. What is known about node N stands in
# $nodes_dir: N.url, N.pid, N.log. Functions that take nodes take their numbers, from 1.

# 127.0.0.1 is where the rest of the machine lives.
loopback_address() { echo "127.$((64 + ($1 >> 16 & 63))).$(($1 >> 8 & 255)).$(($1 & 255))"; }

# $2 ports of address $1 that the kernel picked, none greater than $3, if that is given.
free_ports() {
  /usr/bin/python3 - "$@" <<'PYTHON'
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
greatest = int(sys.argv[3]) if len(sys.argv) > 3 else 65535
held, found = [], 0
while found < int(sys.argv[2]):
    held.append(socket.socket(family))
    held[-1].bind((sys.argv[1], 0))
    port = held[-1].getsockname()[1]
    if port <= greatest:
        print(port)
        found += 1
PYTHON
}

# One node in cluster mode. Its second port is the first plus 10000.
start_cluster_node() { greatest_port=55535 start_nodes 1 --cluster-enabled yes; }

# Whether the server of the tests is of this version of Redis, or a later one, or derived from such.
server_is_at_least() {
  local version
  version=$(redis-server --version | sed 's/.* v=\([0-9.]*\).*/\1/')
  [[ $(printf '%s\n' "$1" "$version" | sort -V | head -1) == "$1" ]]
}

# The rights to all channels of an ACL, for a server that knows any.
all_channels() { ! server_is_at_least 6.2 || echo '&*'; }

# start_nodes COUNT [REDIS OPTION...]: starts them in a fresh folder, points REDLOCK_NODES at them, waits until all
# answer. $address, if set, is where they listen; $scheme, if rediss, lets them speak TLS, with what the options say, and
# then ${cli_options[@]} is what redis-cli needs for it.
start_nodes() {
  local count=$1 node ports host
  shift
  nodes_dir=$(mktemp -d "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/nodes.XXXX")
  nodes_address=${address:-$(loopback_address "$BASHPID")}
  node_options=("$@")
  host=$nodes_address
  [[ $host != *:* ]] || host="[$host]"
  mapfile -t ports < <(free_ports "$nodes_address" "$count" ${greatest_port:-})
  for ((node = 1; node <= count; ++node)); do
    echo "${scheme:-redis}://$host:${ports[node - 1]}" > "$nodes_dir/$node.url"
    boot_node "$node"
  done
  export nodes_dir nodes_address
  use_nodes
  wait_until 20 nodes_answer
}

# REDLOCK_NODES names the nodes given; without any, all.
use_nodes() {
  local nodes=("$@") node
  ((${#nodes[@]})) || mapfile -t nodes < <(all_nodes)
  REDLOCK_NODES=
  for node in "${nodes[@]}"; do REDLOCK_NODES+="$(url_of "$node") "; done
  # Nodes of a test are younger than any lock.
  export REDLOCK_NODES REDLOCK_RESTART_QUARANTINE=0
}

all_nodes() {
  local node
  for ((node = 1; ; ++node)); do
    [[ -e $nodes_dir/$node.url ]] || return 0
    echo "$node"
  done
}

cli_options=()

url_of() { cat "$nodes_dir/$1.url"; }
pid_of() { cat "$nodes_dir/$1.pid"; }

# It dies with the shell that started it, should that be killed before it comes to stop_nodes.
boot_node() {
  local url port
  url=$(url_of "$1")
  port=(--port "${url##*:}")
  [[ $url != rediss:* ]] || port=(--port 0 --tls-port "${url##*:}")
  setpriv --pdeathsig KILL redis-server --bind "$nodes_address" "${port[@]}" --save '' --appendonly no \
    --protected-mode no --dir "$nodes_dir" --appendfilename "$1.aof" --logfile "$nodes_dir/$1.log" \
    "${node_options[@]}" > /dev/null 2>&1 3>&- &
  echo $! > "$nodes_dir/$1.pid"
  disown
}

node_answers() { [[ $(redis_cli "$1" PING 2>&1) =~ PONG|NOAUTH ]]; }
nodes_answer() {
  local node
  for node in $(all_nodes); do node_answers "$node" || return 1; done
}

kill_node() {
  local node
  for node in "$@"; do kill -KILL "$(pid_of "$node")"; done
  for node in "$@"; do wait_until 10 is_dead "$(pid_of "$node")"; done
}
freeze_node() {
  local node
  for node in "$@"; do kill -STOP "$(pid_of "$node")"; done
  for node in "$@"; do wait_until 10 is_stopped "$(pid_of "$node")"; done
}
thaw_node() {
  local node
  for node in "$@"; do kill -CONT "$(pid_of "$node")"; done
}
# Comes back on the same port, with nothing in it.
restart_node() {
  kill_node "$1"
  boot_node "$1"
  wait_until 20 node_answers "$1"
}

stop_nodes() {
  local pid_file
  for pid_file in "${nodes_dir:-/nowhere}"/*.pid; do
    [[ ! -e $pid_file ]] || kill -KILL "$(< "$pid_file")" 2> /dev/null || :
  done
}

# redis_cli NODE COMMAND...
redis_cli() {
  local url
  url=$(url_of "$1")
  redis-cli -h "$nodes_address" -p "${url##*:}" "${cli_options[@]}" "${@:2}"
}
on_all_nodes() {
  local node
  for node in $(all_nodes); do redis_cli "$node" "$@"; done
}

# plant NAME TOKEN NODE...: a lock that carol holds, as redlock would write it.
plant() {
  local node
  for node in "${@:3}"; do
    redis_cli "$node" SET "$1" "$2" PX 60000 > /dev/null
    redis_cli "$node" HSET "redlock.info:$1" token "$2" host web3 user carol command backup pid 812 since 1764045000000000 > /dev/null
    redis_cli "$node" SET "redlock.fence:$1" 4711 > /dev/null
  done
}

# How many nodes have KEY with that value.
nodes_with() {
  local node count=0
  for node in $(all_nodes); do [[ $(redis_cli "$node" GET "$1") != "$2" ]] || ((++count)); done
  echo "$count"
}

# How many nodes have a key of that name, whoever's it is.
nodes_holding() {
  local node count=0
  for node in $(all_nodes); do [[ $(redis_cli "$node" EXISTS "$1") != 1 ]] || ((++count)); done
  echo "$count"
}

# lease_is_between LOCK LEAST MOST: whether its key on node 1 lives on for so many milliseconds. It tells how long ago the last
# extension was.
lease_is_between() {
  local left
  left=$(redis_cli 1 PTTL "$1")
  ((left >= $2 && left <= $3))
}

# Nothing but the fence's counter is left of a lock on the nodes given (without any: on all).
nothing_left_of() {
  local lock=$1 node nodes=("${@:2}")
  ((${#nodes[@]})) || mapfile -t nodes < <(all_nodes)
  for node in "${nodes[@]}"; do
    [[ $(redis_cli "$node" EXISTS "$lock" "redlock.info:$lock") == 0 ]] || return 1
  done
}

# Unlike nothing_left_of: keys of any name.
only_fences_left() {
  local left
  left=$(on_all_nodes EVAL "
    local left = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
      if key:sub(1, 14) ~= 'redlock.fence:' then table.insert(left, key) end
    end
    return left" 0)
  [[ -z ${left//$'\n'/} ]] || { echo "left over: $left"; return 1; }
}

# far_nodes MILLISECONDS: puts a proxy before each node (on 127.0.0.1), so that each way to and from it takes so long, or as
# long as a range such as 5-15 says. Kill $proxy in the end. What is said to a proxy whose node is down is taken, and then
# it hangs up.
far_nodes() {
  local node port ports=()
  for node in $(all_nodes); do
    port=$(url_of "$node")
    ports+=("${port##*:}")
  done
  rm -f "$marks/proxy.ports"
  "$helpers_dir/delay-proxy" "$1" "${ports[@]}" > "$marks/proxy.ports" 3>&- &
  proxy=$!
  wait_until 20 has_lines 1 "$marks/proxy.ports"
  REDLOCK_NODES=
  for port in $(< "$marks/proxy.ports"); do REDLOCK_NODES+="redis://127.0.0.1:$port "; done
}
