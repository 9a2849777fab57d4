#!/usr/bin/env bats
# Nodes that do what no node should. Whatever one of them does may cost no more than its vote: no time, no memory, and
# no message that does not name the cause. The tricks are those of tests/helpers/hostile-peer.cpp.

load lib/redlock.bash

setup_file() { isolate; }
setup() {
  redlock_setup
  hostile_peer=$helpers_dir/hostile-peer
  mapfile -t tricks < <("$hostile_peer" --list)
  peers=$marks/peers
}
teardown() {
  redlock_teardown
  stop_nodes
}

# start_peers TRICK...: their URLs are in ${peer_urls[@]}, a line for each connection is written to $peers.
start_peers() {
  local urls=$marks/urls
  rm -f "$urls"
  "$hostile_peer" --on "$nodes_address" --log "$peers" "$@" > "$urls" 3>&- &
  peer_pid=$!
  disown
  started+=("$peer_pid")
  wait_until 10 has_lines $# "$urls"
  mapfile -t peer_urls < "$urls"
}
stop_peers() {
  kill -KILL "$peer_pid"
  wait_until 10 is_dead "$peer_pid"
}
connections() { grep -cx -- "$1" "$peers" || :; }

# What is said of a node that plays it. Where two things may happen first, both are right.
words_of() {
  case $1 in
    silent | deaf | greets-then-hangs | half-a-reply | byte-by-byte) echo 'timed out (waiting for its answer)' ;;
    closes | closes-at-once | resets) echo 'without a word: if it speaks TLS, use rediss://; if it is a proxy such as twemproxy, name the servers behind it' ;;
    greets-then-closes) echo 'the connection ended before the answer: ' ;;
    garbage) echo 'it does not speak the Redis protocol' ;;
    terminal-codes) echo 'answers with an error: ERR \x1b[2J\x1b]0;owned\x07' ;;
    error-midway) echo 'answers with an error: ERR not today' ;;
    wrong-types) echo 'not a usable answer: not an answer to an acquire' ;;
    wrong-fence) echo 'not a usable answer: a fence that is none' ;;
    wrong-greeting) echo 'not a usable answer: not an answer to INFO' ;;
    wrong-uptime) echo 'not a usable answer: an INFO with impossible values' ;;
    long-holder) echo 'it announces an answer of 100000 bytes' ;;
    huge-array | wide-arrays) echo 'larger than any that redlock asks for' ;;
    huge-string | huge-string-later) echo 'it announces an answer of 536870912 bytes' ;;
    nested-arrays) echo 'it does not speak the Redis protocol' ;;
    endless-line) echo 'a line of its answer has no end' ;;
    endless-pushes) echo 'it does not speak the Redis protocol' ;;
    endless-messages | endless-replies | speaks-first) echo 'not a usable answer' ;;
    http) echo 'it speaks HTTP' ;;
    tls-alert | tls-handshake) echo 'it speaks TLS: use rediss://' ;;
    ssh) echo 'it speaks SSH' ;;
    *) return 1 ;;
  esac
}

# The figures that are aimed at, in milliseconds, are tests/bench/hostile's to tell. Here: no timeout was waited for.
@test "two hostile nodes of five, whatever they do: the lock is taken without waiting for them" {
  start_nodes 3
  local healthy=$REDLOCK_NODES trick start took worst=0
  for trick in "${tricks[@]}"; do
    start_peers "$trick" "$trick"
    REDLOCK_NODES="${peer_urls[*]} $healthy"
    start=$(microseconds)
    try_run -n --ttl 90s --node-timeout 30s "$lock" -- echo ran
    took=$(milliseconds_since "$start")
    wait_until 20 eval '(($(connections "$trick") >= 2))' || { echo "$trick: was not asked"; false; }
    stop_peers
    ((took <= worst)) || { worst=$took; slowest=$trick; }
    [ "$status" -eq 0 ] || { echo "$trick: $status"; false; }
    [ "$output" = ran ]
    [ -z "$stderr" ] || { echo "$trick: $stderr"; false; }
    ((took < 15000)) || { echo "$trick: $took ms"; false; }
    nothing_left_of "$lock"
  done
  echo "# ${#tricks[@]} tricks; the slowest run took $worst ms ($slowest), with a node_timeout of 30 s" >&3
}

@test "three hostile nodes of five, whatever they do: 69, and each is named with the cause in words" {
  start_nodes 2
  local healthy=$REDLOCK_NODES trick url words late timeout
  for trick in "${tricks[@]}"; do
    words=$(words_of "$trick")
    timeout=30s
    [[ $words != 'timed out '* ]] || timeout=3s # which the test has to wait for
    start_peers "$trick" "$trick" "$trick"
    REDLOCK_NODES="$healthy ${peer_urls[*]}"
    try_run -n --ttl 90s --node-timeout "$timeout" "$lock" -- touch "$marks/ran"
    stop_peers
    [ "$status" -eq 69 ] || { echo "$trick: $status"; false; }
    # With the third that cannot vote it is decided: a healthy one may not have answered by then, and says no more.
    late=0
    for url in $healthy; do
      ! grep -qxF -- "redlock:   $url/0: had not answered yet" <<< "$stderr" || late=$((late + 1))
    done
    [[ $stderr == *" $((2 - late)) of 5 nodes could vote, 3 needed"* ]]
    for url in "${peer_urls[@]}"; do
      grep -qF -- "  $url/0: " <<< "$stderr" || { echo "$trick: $url is not named: $stderr"; false; }
    done
    (($(grep -cF -- "$words" <<< "$stderr") == 3)) || { echo "$trick: not in these words: $words: $stderr"; false; }
    # One line for each node and one for all, none of which can do anything to a terminal.
    [ "$(wc -l < "$BATS_TEST_TMPDIR/try.err")" -eq $((4 + late)) ]
    ! LC_ALL=C grep -q '[^[:print:]]' "$BATS_TEST_TMPDIR/try.err"
    [ ! -e "$marks/ran" ]
    nothing_left_of "$lock"
  done
}

# peak_of COMMAND...: the peak memory of its largest process, in KiB; all that redlock-peak prints comes after it.
peak_of() {
  local printed
  printed=$("${REDLOCK%/*}/tests/redlock-peak" "$@")
  echo "${printed%% *}"
}

# A megabyte for each of the two, and as much again for the luck of the allocator: half a gigabyte it is not.
@test "two hostile nodes of five, whatever they do, cost a megabyte each" {
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "a sanitizer has memory of its own"
  [ -x "${REDLOCK%/*}/tests/redlock-peak" ] || skip "the tools of tests/bench are not built"
  start_nodes 3
  local healthy=$REDLOCK_NODES trick without=0 with=0 kib
  for _ in {1..5}; do
    kib=$(REDLOCK_NODES="$healthy redis://127.0.0.1:1 redis://127.0.0.1:2" peak_of "$REDLOCK" run "$lock" -- true)
    ((kib <= without)) || without=$kib
  done
  for trick in "${tricks[@]}"; do
    start_peers "$trick" "$trick"
    # Three times: how far the peers come before the decision falls is a matter of chance.
    for _ in {1..3}; do
      kib=$(REDLOCK_NODES="${peer_urls[*]} $healthy" peak_of "$REDLOCK" run --ttl 90s --node-timeout 30s "$lock" -- true)
      ((kib <= with)) || { with=$kib; most=$trick; }
    done
    stop_peers
  done
  echo "# peak $with KiB ($most), without hostile nodes $without KiB" >&3
  ((with < without + 3 * 1024))
}

# As above, but of a redlock that meets them again and again while the command runs.
@test "hostile nodes meet a holder again at each extension, and are asked no more often than that" {
  start_nodes 3
  local healthy=$REDLOCK_NODES pid name kib
  start_peers huge-string-later endless-replies
  REDLOCK_NODES="${peer_urls[*]} $healthy"
  start_redlock holder run --ttl 4s -k 100ms "$lock" -- \
    sh -c "touch '$marks/held'; while [ ! -e '$marks/go' ]; do sleep 0.02; done"
  wait_until 20 test -e "$marks/held"
  local start=$(microseconds)
  for name in huge-string-later endless-replies; do wait_until 60 eval '(($(connections '"$name"') >= 8))'; done
  kib=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$redlock/status")
  local took=$(milliseconds_since "$start")
  touch "$marks/go"
  finish "$redlock"
  [ "$status" -eq 0 ]
  [ ! -s "$marks/holder.err" ]
  nothing_left_of "$lock"
  # One connection in a third of the ttl; one for the acquisition and up to three for the release.
  for name in huge-string-later endless-replies; do
    echo "# $name: $(connections "$name") connections in $took ms with a ttl of 4 s; peak $kib KiB" >&3
    (($(connections "$name") <= took / 1333 + 6))
  done
  [ -n "${REDLOCK_SANITIZE:-}" ] || ((kib < 12 * 1024))
}

@test "nodes that close each connection are asked at most a bounded number of times per ttl, with backoff" {
  start_nodes 5
  start_redlock one run --ttl 9s "$lock" -- sh -c "touch '$marks/held'; exec sleep 1000"
  wait_until 20 test -e "$marks/held"
  wait_until 10 eval '(($(nodes_holding "$lock") == 5))'
  local node url ports=()
  for node in 1 2 3; do
    url=$(url_of "$node")
    ports+=("closes:${url##*:}")
  done
  kill_node 1 2 3
  start_peers "${ports[@]}"
  finish "$redlock"
  [ "$status" -eq 79 ]
  echo "# $(connections closes) connections to 3 nodes until the lease of 9 s was over" >&3
  # From ttl/60 the pause grows to ttl/12, less a quarter at random: fewer than 20 attempts, and a release.
  (($(connections closes) >= 9 && $(connections closes) <= 3 * 24))
}
