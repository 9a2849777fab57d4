#!/usr/bin/env bats
# The text of the manual about checking the fence, and the demonstration in README, run as they stand there. Without Redis, but for
# the demonstration.

load lib/redlock.bash

setup_file() {
  isolate
  root=$(realpath "$BATS_TEST_DIRNAME/../..")
  export root
}
setup() {
  redlock_setup
  PATH=$(dirname "$REDLOCK"):$PATH
  cd "$BATS_TEST_TMPDIR"
  unset REDLOCK_FENCE
}
teardown() {
  redlock_teardown
  rm -rf "${cluster:-/nowhere}"
}

# In CI all but PostgreSQL is installed, as README says.
need() { command -v "$1" > /dev/null || skip "$1 is not installed"; }
recipe() { "$BATS_TEST_DIRNAME/lib/manual-block" "$1" "$root/man/redlock.1"; }
in_readme() { "$BATS_TEST_DIRNAME/lib/readme-block" "$1" "$root/README.md"; }

# at_once COMMAND...: runs it for fences 1 to 30 in any order, all at once; notes their exit statuses as "FENCE STATUS".
at_once() {
  local fence pids=()
  for fence in $(seq 30 | shuf); do
    (
      status=0
      REDLOCK_FENCE=$fence "$@" "$fence" > /dev/null 2>&1 || status=$?
      echo "$fence $status" > "$marks/$fence.status"
    ) 3>&- &
    pids+=("$!")
  done
  wait "${pids[@]}"
  cat "$marks"/*.status | sort -n
}

# What was written, one fence a line in the order of the writes, is what was accepted, and only grows.
written_is() {
  [ -n "$1" ]
  diff <(echo "$1") <(sort -n <<< "$1")
  diff <(sort -n <<< "$1") <(awk '$2 == 0 { print $1 }' <<< "$2")
}

@test "the manual has six recipes, and README repeats none of them in other words" {
  names=$(sed -n 's/^\.\\" recipe: //p' "$root/man/redlock.1")
  [ "$(wc -l <<< "$names")" -eq 6 ]
  for name in $names; do
    [ -n "$(recipe "$name")" ]
    ! grep -qxF "<!-- $name -->" "$root/README.md" || diff <(recipe "$name") <(in_readme "$name")
  done
}

# refuses_stale STATUS RECIPE DIGITS: makes write-report, which writes with fences that end in 41 and 42, and exits with STATUS
# when the first comes again, for a reason that is left in $reason. Without a fence it fails. DIGITS begin each fence.
refuses_stale() {
  recipe "$2-tables" | sh
  recipe "$2" > write-report
  chmod +x write-report
  REDLOCK_FENCE=${3}41 ./write-report
  REDLOCK_FENCE=${3}42 ./write-report
  REDLOCK_FENCE=${3}42 ./write-report
  REDLOCK_FENCE=${3}41 try ./write-report
  [ "$status" -eq "$1" ]
  reason=$stderr
  try ./write-report
  [ "$status" -ne 0 ]
}

@test "SQLite writes only with a fence that is not stale" {
  need sqlite3
  refuses_stale 1 fence-sqlite ''
  [[ $reason == *'stale fence'* ]]
  [ "$(sqlite3 store.db 'SELECT line FROM report')" = $'written with fence 41\nwritten with fence 42\nwritten with fence 42' ]
  sqlite3 store.db 'DELETE FROM report; DELETE FROM fence'
  statuses=$(at_once ./write-report)
  written_is "$(sqlite3 store.db 'SELECT line FROM report ORDER BY rowid' | grep -o '[0-9]*')" "$statuses"
}

# A server of its own, on a unix socket in a folder of its own, which ends with the test. It refuses to run as root.
start_postgres() {
  local programs as_user=(setpriv --pdeathsig QUIT)
  programs=$({ command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb; } 2> /dev/null | tail -n 1)
  [[ -n $programs ]] || skip "PostgreSQL is not installed"
  need psql
  need setpriv
  PATH=$(dirname "$(realpath "$programs")"):$PATH
  cluster=$(mktemp -d /tmp/redlock-postgres.XXXXXX) # the path of a socket is short
  if ((UID == 0)); then
    as_user+=(--reuid=65534 --regid=65534 --clear-groups)
    chown 65534:65534 "$cluster"
  fi
  HOME=$cluster "${as_user[@]}" initdb -D "$cluster/data" -U redlock -A trust --no-sync --no-instructions > initdb.log 2>&1
  "${as_user[@]}" postgres -D "$cluster/data" -k "$cluster" -c listen_addresses= -c fsync=off > postgres.log 2>&1 3>&- &
  started+=("$!")
  export PGHOST=$cluster PGUSER=redlock PGDATABASE=postgres
  wait_until 60 psql -X -q -c '' 2> /dev/null
}

@test "PostgreSQL writes only with a fence that is not stale" {
  start_postgres
  refuses_stale 3 fence-postgresql 17959680000000
  report() { psql -X -qAt -c 'SELECT line FROM report ORDER BY ctid' | grep -o '[0-9]*'; }
  [ "$(report | cut -c 15-)" = $'41\n42\n42' ]
  psql -X -q -c 'TRUNCATE report; UPDATE fence SET seen = 0'
  statuses=$(at_once ./write-report)
  written_is "$(report)" "$statuses"
}

@test "a service of thirty lines of Python takes only what is not stale, and remembers the fence when it starts again" {
  need curl
  recipe fence-http > store
  chmod +x store
  [ "$(grep -c . store)" -le 32 ]
  start_store() {
    rm -f url
    ./store 0 > url 2> store.log 3>&- &
    server=$!
    started+=("$server")
    wait_until 20 has_lines 1 url
  }
  put() { curl -sSf -T report -H "Fence: $1" "$(< url)/report"; }
  start_store
  for fence in 41 42 42; do
    echo "written with fence $fence" > report
    put "$fence"
  done
  echo 'written by a stale holder' > report
  try put 41
  [ "$status" -eq 22 ]
  [[ $stderr == *409* ]]
  for header in X: Fence: 'Fence: x' 'Fence: -1' 'Fence: 12345678901234567890'; do
    try curl -sSf -T report -H "$header" "$(< url)/report"
    [[ $stderr == *400* ]]
  done
  run -1 grep -q Traceback store.log
  kill -KILL "$server"
  wait "$server" || :
  start_store
  try put 41
  [ "$status" -eq 22 ]
  [ "$(curl -sSf "$(< url)/report")" = 'written with fence 42' ]
}

@test "a release with a stale fence does not go live" {
  recipe fence-releases > publish
  chmod +x publish
  export SITE=$PWD/site
  mkdir site
  publish() {
    mkdir -p content
    echo "release $1" > content/index
    tar -cz -C content . | ./publish "$1"
  }
  publish 41
  publish 43
  [ "$(cat site/current/index)" = 'release 43' ]
  try publish 42
  [ "$status" -eq 1 ]
  [[ $stderr == *'fence 42 is stale'* ]]
  [ "$(cat site/current/index)" = 'release 43' ]
  publish 44
  [[ $(readlink site/current) == releases/44.?????? ]]
  [ "$(stat -L -c %a site/current)" -eq 755 ]
}

@test "a release that is cut, stale or sent with a bad fence leaves nothing, and one that is sent again touches no live file" {
  recipe fence-releases > publish
  chmod +x publish
  export SITE=$PWD/site
  mkdir site content
  head -c 100000 /dev/urandom > content/a
  echo b > content/b
  tar -cz -C content . > whole
  ./publish 41 < whole
  live=$(readlink site/current)
  is_unchanged() { [ "$(readlink site/current)" = "$live" ] && [ "$(ls site/releases)" = "${live#*/}" ] && diff -r content site/current; }
  for cut in 0 10 60000 $(($(stat -c %s whole) - 1)); do
    head -c "$cut" whole > part
    try ./publish 41 < part
    [ "$status" -ne 0 ]
    is_unchanged
  done
  for fence in 40 x ../x ''; do
    try ./publish "$fence" < whole
    [ "$status" -ne 0 ]
    is_unchanged
  done
  ./publish 41 < whole
  [ "$(readlink site/current)" != "$live" ]
  diff -r content "site/$live"
  diff -r content site/current
}

@test "of thirty releases at once the link only moves forward" {
  recipe fence-releases > publish
  chmod +x publish
  export SITE=$PWD/site
  mkdir site content
  tar -czf empty.tar.gz -C content .
  # A link that moved backwards would be seen by the holder after it.
  publish() { ./publish "$1" < empty.tar.gz; }
  statuses=$(at_once publish)
  grep -qx '30 0' <<< "$statuses"
  [[ $(readlink site/current) == releases/30.* ]]
  [ "$(redlock fence site/.fence)" = 30 ]
}

@test "the demonstration prints what README shows: without the fence the report is spoilt, with it the write is refused" {
  DEMO_TTL=6s try redlock sandbox -- "$root/tests/demo/paused-holder" # so that a slow machine loses no lease
  echo "$output$stderr"
  [ "$status" -eq 0 ]
  # Fences are times; they differ, and the second of each pair is the greater.
  with_order() {
    python3 -c 'import re, sys
seen = {}
print(re.sub(r"\d{16}", lambda fence: "fence-%d" % seen.setdefault(fence[0], len(seen)), sys.stdin.read()), end="")'
  }
  diff <(in_readme paused-holder | sed '/^\$/d' | with_order) <(with_order <<< "$output")
  mapfile -t fences < <(grep -oE 'with fence [0-9]{16}, and' <<< "$output" | grep -oE '[0-9]+')
  [ "${#fences[@]}" -eq 4 ]
  ((fences[0] < fences[1] && fences[1] < fences[2] && fences[2] < fences[3]))
  [[ $output == *"With 'redlock fence':"*"redlock: fence ${fences[2]} is stale"* ]]
}
