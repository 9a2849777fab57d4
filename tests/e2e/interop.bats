#!/usr/bin/env bats
# Other Redlock clients on the same key: who has it excludes all others, and nobody's release removes another's lock.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  start_nodes 3
  # npm's redlock, where npm and its registry are there.
  export peers=$BATS_FILE_TMPDIR/peers
  mkdir "$peers"
  cp "$BATS_TEST_DIRNAME"/../bench/peers/package.json "$peers/"
  command -v npm > /dev/null && timeout 100 npm --prefix "$peers" install --no-audit --no-fund --silent > /dev/null 2>&1 || :
}
teardown_file() { stop_nodes; }
setup() { redlock_setup; }
teardown() { redlock_teardown; }

# As the Redis page has it: SET NX PX on each node, a quorum wins; release compares and deletes. Says "held" when it has the
# lock, releases when the file go appears, and says how many nodes still had it.
python_peer() {
  /usr/bin/python3 - "$lock" "$marks" $REDLOCK_NODES <<'PYTHON'
import os, sys, time, uuid, redis
name, marks, nodes = sys.argv[1], sys.argv[2], [redis.Redis.from_url(url) for url in sys.argv[3:]]
token = uuid.uuid4().hex
release = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
def attempt():
    won = sum(bool(node.set(name, token, nx=True, px=60000)) for node in nodes) > len(nodes) // 2
    if not won:
        for node in nodes:
            node.eval(release, 1, name, token)
    return won
def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
if not attempt():
    print("refused", flush=True)
    wait_for(attempt)
print("held", flush=True)
wait_for(lambda: os.path.exists(marks + "/go"))
print("released", sum(node.eval(release, 1, name, token) for node in nodes), flush=True)
PYTHON
}

node_peer() {
  cat > "$peers/peer.mjs" <<'NODE'
import Redlock from "redlock";
import { Redis } from "ioredis";
import { existsSync } from "fs";
const [name, marks, ...urls] = process.argv.slice(2);
const clients = urls.map((url) => new Redis(url));
const once = new Redlock(clients, { retryCount: 0 });
const patient = new Redlock(clients, { retryCount: 400, retryDelay: 50, retryJitter: 20 });
let lock;
try {
  lock = await once.acquire([name], 60000);
} catch {
  console.log("refused");
  lock = await patient.acquire([name], 60000);
}
console.log("held");
while (!existsSync(marks + "/go")) await new Promise((done) => setTimeout(done, 10));
await lock.release();
await Promise.all(clients.map((client) => client.quit())); // release() is content with a quorum
NODE
  node "$peers/peer.mjs" "$lock" "$marks" $REDLOCK_NODES
}

start_peer() {
  "$1" > "$marks/peer.out" 2> "$marks/peer.err" 3>&- &
  peer=$!
  started+=("$peer")
}

excludes_each_other() {
  # The other has it: redlock is refused, says by whom not, waits, and is next.
  start_peer "$1"
  wait_until 20 has_text held "$marks/peer.out"
  try_run -n "${@:2}" "$lock" -- touch "$marks/ran"
  [ "$status" -eq 75 ]
  [[ $stderr == *"another program"* ]]
  [ ! -e "$marks/ran" ]
  # A release with a token of ours removes nothing.
  try "$REDLOCK" release "$lock" 0123456789012345678901234567890123456789
  [ "$status" -eq 1 ]
  start_redlock next run --retry-delay 5ms "${@:2}" "$lock" -- sh -c 'cat "$0/peer.out" > "$0/seen"' "$marks"
  wait_until 20 has_text 'is held by' "$marks/next.err"
  touch "$marks/go"
  finish "$redlock"
  [ "$status" -eq 0 ]
  finish "$peer"
  [ "$status" -eq 0 ]
  rm "$marks/go"
  # redlock has it: the other is refused, and waits.
  start_holder "$lock" "${@:2}"
  start_peer "$1"
  wait_until 20 has_text refused "$marks/peer.out"
  (($(nodes_holding "$lock") >= 2))
  ! has_text held "$marks/peer.out"
  end_holder
  wait_until 20 has_text held "$marks/peer.out"
  touch "$marks/go"
  finish "$peer"
  [ "$status" -eq 0 ]
  # What others leave behind on a minority is their affair; it does not keep redlock out.
  try_run -w 10s "${@:2}" "$lock" -- true
  [ "$status" -eq 0 ]
}

@test "python3-redis with SET NX PX and compare-and-delete, as the Redis page prescribes" {
  /usr/bin/python3 -c 'import redis' 2> /dev/null || skip "python3-redis is not installed"
  excludes_each_other python_peer
}

@test "python3-redis and a lock of several names, of which it wants one" {
  /usr/bin/python3 -c 'import redis' 2> /dev/null || skip "python3-redis is not installed"
  excludes_each_other python_peer "one more" "and another"
}

@test "npm's redlock with ioredis" {
  [[ -d $peers/node_modules/redlock ]] || skip "npm's redlock cannot be installed here"
  excludes_each_other node_peer
}

@test "npm's redlock and a lock of several names, of which it wants one" {
  [[ -d $peers/node_modules/redlock ]] || skip "npm's redlock cannot be installed here"
  excludes_each_other node_peer "one more" "and another"
}
