#!/usr/bin/env bats
# Passwords of nodes: nobody but redlock learns them, however they were given. One server for each node of all tests.

load lib/redlock.bash

# In plain and as a URL has it.
right_secret() { secret='Zq7v/Xk9:w@Lm2#p' coded='Zq7v%2FXk9%3Aw%40Lm2%23p'; }
right_secret

setup_file() {
  isolate
  start_nodes 3
  local node
  for node in 1 2 3; do
    redis_cli "$node" ACL SETUSER carol on ">$secret" '~*' $(all_channels) +@all
    redis_cli "$node" CONFIG SET requirepass "$secret"
  done
}
teardown_file() { stop_nodes; }
setup() {
  redlock_setup
  config=$BATS_TEST_TMPDIR/redlock.toml
  unset REDLOCK_NODES
  seen=$marks/seen
  # What the command, and anybody who looks at the processes above it, can see.
  printf '%s' '
    env > "$1.env"
    guard=$PPID
    while read -r name value _; do [ "$name" != PPid: ] || redlock=$value; done < "/proc/$guard/status"
    for pid in $redlock $guard $$; do tr "\0" " " < "/proc/$pid/cmdline"; echo; done > "$1.processes"
    [ "$(wc -l < "$1.processes")" -eq 3 ]
    exit 5' > "$marks/look"
}
teardown() { redlock_teardown; }

# The nodes with a user and password, as a URL has them, in front.
urls() {
  local node
  for node in 1 2 3; do echo "redis://$1$(url_of "$node" | cut -c 9-)"; done
}

# Any part of it that could not be there by chance.
no_secret_in() {
  ! grep -qF -e 'Zq7v' -e 'Lm2' -- "$@" || { grep -F -e 'Zq7v' -e 'Lm2' -- "$@"; false; }
}

# looks ARGUMENT...: runs redlock so, with every verbosity, and looks at all that comes out.
looks() {
  local verbosity
  for verbosity in -q '' -v; do
    rm -f "$seen".*
    try "$REDLOCK" run $verbosity "$@" "$lock" -- bash "$marks/look" "$seen"
    [ "$status" -eq 5 ] || { echo "$stderr"; false; }
    grep -q '^REDLOCK_TOKEN=[0-9a-f]' "$seen.env"
    no_secret_in "$seen.env" "$seen.processes" "$BATS_TEST_TMPDIR/try.out" "$BATS_TEST_TMPDIR/try.err"
  done
}

# Every way to give a password. Each calls the function $1 with redlock's arguments.
by_url_in_environment() { REDLOCK_NODES=$(urls ":$coded@") "$1"; }
by_user_in_environment() { REDLOCK_NODES=$(urls "carol:$coded@") "$1"; }
by_flag() {
  local flags=()
  mapfile -t flags < <(urls "carol:$coded@" | sed 's/^/--node=/')
  "$1" "${flags[@]}"
  mapfile -t flags < <(urls ":$coded@" | sed 's/^/--node\n/')
  "$1" "${flags[@]}"
}
# write_config DEFAULTS USERINFO KEY: the third belongs to each node.
write_config() {
  : > "$config"
  chmod 600 "$config"
  printf '%b\n' "$1" > "$config"
  local url
  while read -r url; do printf '[[node]]\nurl = "%s"\n%s\n' "$url" "$3" >> "$config"; done < <(urls "$2")
}
by_url_in_file() { write_config '' ":$coded@" ''; "$1" -c "$config"; }
by_password_in_file() { write_config '' '' "password = \"$secret\""; "$1" -c "$config"; }
by_password_for_all() { write_config "[defaults]\nusername = \"carol\"\npassword = \"$secret\"" '' ''; "$1" -c "$config"; }
by_password_file() {
  printf '%s\n' "$secret" > "$BATS_TEST_TMPDIR/password"
  chmod 600 "$BATS_TEST_TMPDIR/password"
  write_config '[defaults]\npassword_file = "password"' '' ''
  "$1" -c "$config"
}
by_password_env() { write_config '[defaults]\npassword_env = "REDIS_PASSWORD"' '' ''; REDIS_PASSWORD=$secret "$1" -c "$config"; }
by_password_env_of_node() { write_config '' '' 'password_env = "OF_NODE"'; OF_NODE=$secret "$1" -c "$config"; }
readonly ways=(by_url_in_environment by_user_in_environment by_flag by_url_in_file by_password_in_file
  by_password_for_all by_password_file by_password_env by_password_env_of_node)

@test "no password is in a message, in the list of processes or in the command's environment, however it was given" {
  local way
  for way in "${ways[@]}"; do
    echo "$way"
    $way looks
  done
}

@test "what is left of REDLOCK_NODES for the command still names the nodes" {
  REDLOCK_NODES="$(urls "carol:$coded@" | tr '\n' ',')" try_run "$lock" -- sh -c 'echo $REDLOCK_NODES'
  [ "$output" = "$(urls '' | tr '\n' ' ' | sed 's/ $//')" ]
  # What has no password is not touched, be it used or not.
  REDLOCK_NODES="$(urls '' | tr '\n' ',')" try_run --node "$(urls ":$coded@" | head -n 1)" "$lock" -- sh -c 'printf %s "$REDLOCK_NODES"'
  [ "$output" = "$(urls '' | tr '\n' ',')" ]
  # What is not used and cannot be told apart is left out as a whole.
  REDLOCK_NODES="redis://:Zq7v,Lm2@nowhere" try_run --node "$(urls ":$coded@" | head -n 1)" "$lock" -- sh -c 'echo "${REDLOCK_NODES-none}"'
  [ "$output" = none ]
}

# fails STATUS ARGUMENT...
fails() {
  local wanted=$1
  shift
  try "$REDLOCK" run -v -n --node-timeout 10s "$@" "$lock" -- touch "$marks/ran"
  [ "$status" -eq "$wanted" ] || { echo "$status instead of $wanted: $stderr"; false; }
  [ -n "$stderr" ]
  no_secret_in "$BATS_TEST_TMPDIR/try.out" "$BATS_TEST_TMPDIR/try.err"
}
conflicts() { fails 75 "$@"; }
is_refused() { fails 69 "$@"; }
is_misread() { fails 78 "$@"; }

@test "no password is in a message when the lock is held, the password is refused, or the URL is wrong" {
  local way
  on_all_nodes() { local node; for node in 1 2 3; do redis_cli "$node" -a "$secret" --no-auth-warning "$@"; done; }
  on_all_nodes SET "$lock" foreign PX 60000 > /dev/null
  for way in "${ways[@]}"; do
    echo "$way, held"
    $way conflicts
  done
  on_all_nodes DEL "$lock" > /dev/null
  for way in "${ways[@]}"; do
    echo "$way, refused"
    # A wrong one that resembles it.
    secret=Zq7v-Lm2 coded=Zq7v-Lm2
    $way is_refused
    right_secret
  done
  # Where a character was not encoded.
  REDLOCK_NODES=$(urls ":$secret@") is_misread
  write_config '' ":$secret@" ''
  is_misread -c "$config"
  printf '[[node]]\nurl = "redis://:%s@127.0.0.1"\npassword = %s\n' "$coded" "$secret" > "$config"
  is_misread -c "$config"
  [ ! -e "$marks/ran" ]
}

# The kernel writes core files for root only where it is told a plain name; elsewhere this test has nothing to look for.
@test "with a password in it redlock leaves no core file" {
  [ -z "${REDLOCK_SANITIZE:-}" ] || skip "a sanitizer ends the program in its own way"
  local pattern=$(< /proc/sys/kernel/core_pattern)
  [[ $pattern != [\|/]* ]] || skip "core files go elsewhere: $pattern"
  ulimit -c unlimited 2> /dev/null || skip "core files are forbidden"
  # dies FOLDER ARGUMENT...: of a signal that is worth a core.
  dies() {
    mkdir "$marks/$1"
    (cd "$marks/$1" && exec "$REDLOCK" run "${@:2}" "$lock $1" -- sh -c 'echo > held; exec sleep 1000') > /dev/null 2>&1 3>&- &
    redlock=$!
    started+=("$redlock")
    wait_until 20 test -e "$marks/$1/held"
    kill -SEGV "$redlock"
    finish "$redlock"
  }
  redis_cli 1 -a "$secret" --no-auth-warning CONFIG SET requirepass ''
  dies without --node "$(url_of 1)"
  redis_cli 1 CONFIG SET requirepass "$secret"
  # Of one that knows no password there is one.
  compgen -G "$marks/without/core*" > /dev/null || skip "no core files here"
  dies with --node "$(urls ":$coded@" | head -n 1)"
  ! compgen -G "$marks/with/core*"
}
