# Redis servers for a test file or a single test: real ones, on a loopback address of their own, so that no connection
# of another test can be given one of their ports while a node is down. What is known about node N stands in
# $nodes_dir: N.url, N.pid, N.log. Functions that take nodes take their numbers, from 1.

# 127.0.0.1 is where the rest of the machine lives.
loopback_address() { echo "127.$((64 + ($1 >> 16 & 63))).$(($1 >> 8 & 255)).$(($1 & 255))"; }

# $2 ports of address $1 that the kernel picked.
free_ports() {
  /usr/bin/python3 - "$@" <<'PYTHON'
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
held = [socket.socket(family) for _ in range(int(sys.argv[2]))]
for one in held:
    one.bind((sys.argv[1], 0))
    print(one.getsockname()[1])
PYTHON
}

# One node in cluster mode. Its second port would be the first plus 10000, which may be none.
start_cluster_node() { start_nodes 1 --cluster-enabled yes --cluster-port "$(free_ports "${address:-$(loopback_address "$BASHPID")}" 1)"; }

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
  mapfile -t ports < <(free_ports "$nodes_address" "$count")
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
