#!/usr/bin/env bats
# Where settings come from, as the nodes see them, and what is told of a wrong one.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  start_nodes 1
}
teardown_file() { stop_nodes; }
setup() {
  redlock_setup
  config=$BATS_TEST_TMPDIR/redlock.toml
  lock=job
}
teardown() {
  redlock_teardown
  redis_cli 1 FLUSHALL > /dev/null
}

# The ttl that a run with these options gives the lock, in seconds: tens of them, since some of it is over when it is seen.
ttl_of_run() {
  try_run "$@" "$lock" -- bash -c '
    redis-cli -h "$nodes_address" -p "${0##*:}" PTTL "$REDLOCK_NAME"' "$(url_of 1)"
  [ "$status" -eq 0 ]
  ((output > 0))
  echo $(((output + 9999) / 10000 * 10))
}

@test "a flag beats the environment, that the lock's own table, that the defaults, that what is built in" {
  [ "$(ttl_of_run)" -eq 30 ]
  printf '[defaults]\nttl = "40s"\n' > "$config"
  export REDLOCK_CONFIG=$config
  [ "$(ttl_of_run)" -eq 40 ]
  printf '[lock."other"]\nttl = "90s"\n' >> "$config"
  [ "$(ttl_of_run)" -eq 40 ]
  printf '[lock."job"]\nttl = "50s"\n' >> "$config"
  [ "$(ttl_of_run)" -eq 50 ]
  export REDLOCK_TTL=60s
  [ "$(ttl_of_run)" -eq 60 ]
  [ "$(ttl_of_run --ttl 70s)" -eq 70 ]
  # A variable that is empty is one that is not set.
  export REDLOCK_TTL=
  [ "$(ttl_of_run)" -eq 50 ]
}

@test "each setting has a variable, and every wrong value of one is 78 and named" {
  for setting in TTL WAIT RETRY_DELAY RETRY_COUNT KILL_AFTER NODE_TIMEOUT RESTART_QUARANTINE; do
    try env "REDLOCK_$setting=soon" "$REDLOCK" run "$lock" -- touch "$marks/ran"
    [ "$status" -eq 78 ]
    [[ $stderr == "redlock: REDLOCK_$setting: 'soon' is not a "* ]]
  done
  [ ! -e "$marks/ran" ]
  start_holder "$lock"
  REDLOCK_WAIT=0s try_run "$lock" -- true
  [ "$status" -eq 75 ]
  REDLOCK_RETRY_COUNT=1 REDLOCK_RETRY_DELAY=5ms try_run "$lock" -- true
  [ "$status" -eq 75 ]
  end_holder
  REDLOCK_KEY_PREFIX=pre: try_run "$lock" -- bash -c 'redis-cli -h "$nodes_address" -p "${0##*:}" EXISTS pre:job' "$(url_of 1)"
  [ "$output" -eq 1 ]
}

@test "the nodes of a flag beat those of the environment, and those beat the file's" {
  local here=$(url_of 1) nowhere=redis://127.0.0.1:1
  printf '[[node]]\nurl = "%s"\n' "$here" > "$config"
  unset REDLOCK_NODES
  try_run -n -c "$config" "$lock" -- echo ran
  [ "$output" = ran ]
  REDLOCK_NODES=$nowhere try_run -n -c "$config" "$lock" -- echo ran
  [ "$status" -eq 69 ]
  REDLOCK_NODES=$nowhere try_run -n -c "$config" --node "$here" "$lock" -- echo ran
  [ "$output" = ran ]
}

@test "REDLOCK_NODES takes blanks, line ends and commas between URLs" {
  local here=$(url_of 1)
  for nodes in "$here,redis://127.0.0.1:1,redis://127.0.0.1:2" "  $here"$'\n'"redis://127.0.0.1:1 ,	redis://127.0.0.1:2 "; do
    REDLOCK_NODES=$nodes try_run -n "$lock" -- true
    [ "$status" -eq 69 ]
    [[ $stderr == *"of 3 nodes could vote, 2 needed"* ]]
  done
}

@test "the file is that of --config, REDLOCK_CONFIG, XDG_CONFIG_HOME or ~/.config, in this order" {
  local home=$BATS_TEST_TMPDIR/home xdg=$BATS_TEST_TMPDIR/xdg
  mkdir -p "$home/.config/redlock" "$xdg/redlock"
  printf 'defaults.ttl = 50\n' > "$home/.config/redlock/config.toml"
  printf 'defaults.ttl = 60\n' > "$xdg/redlock/config.toml"
  printf 'defaults.ttl = 70\n' > "$BATS_TEST_TMPDIR/variable.toml"
  printf 'defaults.ttl = 80\n' > "$config"
  unset REDLOCK_CONFIG XDG_CONFIG_HOME
  export HOME=$home
  [ "$(ttl_of_run)" -eq 50 ]
  export XDG_CONFIG_HOME=$xdg
  [ "$(ttl_of_run)" -eq 60 ]
  export REDLOCK_CONFIG=$BATS_TEST_TMPDIR/variable.toml
  [ "$(ttl_of_run)" -eq 70 ]
  [ "$(ttl_of_run --config "$config")" -eq 80 ]
}

# refuses TEXT WHERE-AND-WHAT...: a file with this text is 78, and the one line on standard error has all the rest.
refuses() {
  local piece
  unset REDLOCK_NODES
  printf '%b' "$1" > "$config"
  try_run -c "$config" "$lock" -- touch "$marks/ran"
  [ "$status" -eq 78 ]
  [ "$(wc -l <<< "$stderr")" -eq 1 ]
  for piece in "${@:2}"; do
    [[ $stderr == *"$piece"* ]] || { echo "no '$piece' in: $stderr"; return 1; }
  done
  [ ! -e "$marks/ran" ]
}

@test "what is wrong in the file is told with file, line, column, key, and what would be right" {
  refuses '[defaults]\nttl = "30s"\n\n  tll = "40s"\n' "$config:4:3: " "'tll'" "did you mean 'ttl'?"
  refuses '[defaults]\nttl = \n' "$config:2:" 'not valid TOML'
  refuses '[defaults]\nttl = "soon"\n' "$config:2:7: ttl: 'soon' is not a duration"
  refuses '[defaults]\nttl = true\n' "$config:2:7: ttl: "
  refuses '[defaults]\nttl = "1ms"\n' "$config:2:7: ttl: " 'too short' '200ms'
  refuses '[defaults]\nttl = -5\n' "$config:2:7: ttl: " negative
  refuses '[defaults]\nkill_after = "11s"\n' "$config:2:14: kill_after: " 'a third of the ttl'
  refuses '[defaults]\nretry_count = "many"\n' "$config:2:15: retry_count: "
  refuses '[default]\nttl = "30s"\n' "$config:1:" "'default'" "did you mean 'defaults'?"
  refuses 'ttl = "30s"\n' "$config:1:1" 'put it below [defaults]'
  refuses '[lock."job"]\nurl = "x"\n' "$config:2:1: unknown key 'url'"
  refuses 'node = []\n' "$config:1:" 'list of nodes is empty'
  refuses '[[node]]\n' "$config:1:" 'no url'
  refuses '[[node]]\nurl = "redis://h:70000"\n' "$config:2:7: url: " 'the port is not a number from 1 to 65535'
  refuses '[[node]]\nurl = "redis://h#f"\n' "$config:2:7: url: " fragment
  refuses '[[node]]\nurl = "redis://h"\n[[node]]\nurl = "redis://H:6379/1"\n' "$config:4:7: url: " 'the same server'
  refuses '[[node]]\nurl = "redis://h"\nusername = "u"\n' "$config:2:7: url: " 'user and no password'
  refuses '[[node]]\nurl = "redis://h"\npassword = "one"\npassword_env = "TWO"\n' "$config:4:1: password_env: "
  refuses '[defaults]\npassword_file = "nowhere"\n[[node]]\nurl = "redis://h"\n' "$config:2:" 'nowhere' 'no such file'
  refuses '[defaults]\npassword_env = "NOT_SET"\n[[node]]\nurl = "redis://h"\n' "$config:2:" 'NOT_SET is not set'
  refuses '\0377\0376' "$config:1:1"
}

@test "a configuration or password is read from a pipe to its end, and one that nobody writes into is told of" {
  local fifo=$BATS_TEST_TMPDIR/fifo
  mkfifo "$fifo"
  try "$REDLOCK" run -n -c "$fifo" x -- touch "$marks/ran"
  [ "$status" -eq 78 ]
  [ "$stderr" = "redlock: cannot read the configuration file '$fifo': nobody writes into this pipe" ]
  printf '[defaults]\npassword_file = "%s"\n[[node]]\nurl = "redis://h"\n' "$fifo" > "$BATS_TEST_TMPDIR/own.toml"
  try "$REDLOCK" run -n -c "$BATS_TEST_TMPDIR/own.toml" x -- touch "$marks/ran"
  [ "$status" -eq 78 ]
  [[ $stderr == *"password_file: $fifo: nobody writes into this pipe" ]]
  [ ! -e "$marks/ran" ]
  # Slowly, in two parts: the second is as much a part of it.
  (exec > "$fifo" 3>&-; sleep 0.2; printf '[defaults]\n'; sleep 0.2; printf 'tll = 1\n') &
  try "$REDLOCK" run -n -c "$fifo" x -- true
  [ "$status" -eq 78 ]
  [[ $stderr == *"fifo:2:1: "*tll* ]]
  try bash -c '"$REDLOCK" run -n -c <(sleep 0.2; echo "[defaults]"; sleep 0.2; echo "tll = 1") x -- true' 3>&-
  [ "$status" -eq 78 ]
  [[ $stderr == *":2:1: "*tll* ]]
}

# As another user, with HOME as it was: the program, and a home that is closed to him. Sets $closed and ${as_other[@]}.
other_user() {
  (($(id -u) == 0)) || skip "needs root, to become another user"
  closed=$BATS_TEST_TMPDIR/closed
  mkdir -p "$closed/.config/redlock"
  printf '[[node]]\nurl = "redis://127.0.0.2:1"\n' > "$closed/.config/redlock/config.toml"
  chmod 700 "$closed"
  reachable=$(mktemp -d)
  chmod 755 "$reachable"
  cp "$REDLOCK" "$reachable/redlock"
  as_other=(env -u REDLOCK_CONFIG -u XDG_CONFIG_HOME "HOME=$closed" setpriv --reuid=64321 --clear-groups "$reachable/redlock")
}

@test "a configuration in the home of another user is passed over with a warning where the nodes are named" {
  other_user
  try "${as_other[@]}" run "$lock" -- echo ran
  [ "$status" -eq 0 ]
  [ "$output" = ran ]
  file="'$closed/.config/redlock/config.toml'"
  [ "$stderr" = "redlock: warning: cannot read the configuration file $file: permission denied: HOME seems to be another user's home: going on without it, since REDLOCK_NODES names the nodes" ]
  nodes=$REDLOCK_NODES
  unset REDLOCK_NODES
  try "${as_other[@]}" -q run $(printf -- '--node %s ' $nodes) "$lock" -- echo ran
  [ "$output$stderr" = ran ]
  try "${as_other[@]}" run "$lock" -- echo ran
  [ "$status" -eq 78 ]
  [[ $stderr == "redlock: cannot read the configuration file $file: permission denied: HOME seems to be another user's home. Set HOME "* ]]
  [ -z "$output" ]
  rm -rf "$reachable"
}

# In a mount namespace where /etc has nothing but redlock/config.toml with the text of standard input: COMMAND...
with_etc_config() {
  mkdir -p "$reachable/etc/redlock"
  cat > "$reachable/etc/redlock/config.toml"
  chmod -R a+rX "$reachable/etc"
  unshare --mount sh -c 'mount --bind "$0" /etc || exit 99; exec "$@"' "$reachable/etc" "$@"
}

@test "a configuration in the home of another user is passed over for that of all users, if this one names the nodes" {
  other_user
  local nodes=$REDLOCK_NODES url
  unset REDLOCK_NODES
  unshare --mount sh -c 'mount --bind /etc /etc' 2> /dev/null || skip 'no mount namespaces'
  for url in $nodes; do printf '[[node]]\nurl = "%s"\n' "$url"; done > "$BATS_TEST_TMPDIR/nodes.toml"
  try with_etc_config "${as_other[@]}" run "$lock" -- echo ran < "$BATS_TEST_TMPDIR/nodes.toml"
  [ "$status" -eq 0 ]
  [ "$output" = ran ]
  [[ $stderr == "redlock: warning: "*"going on without it, since '/etc/redlock/config.toml' names the nodes" ]]
  try with_etc_config "${as_other[@]}" run "$lock" -- echo ran <<< $'[defaults]\nttl = "5s"'
  [ "$status" -eq 78 ]
  [[ $stderr == *"or name the nodes in '/etc/redlock/config.toml' or REDLOCK_NODES"* ]]
  [ -z "$output" ]
  rm -rf "$reachable"
}

@test "without a configuration anywhere there is a warning, also with -q, unless a node is named" {
  unset REDLOCK_NODES REDLOCK_CONFIG
  [[ ! -e /etc/redlock/config.toml ]] || skip "this machine has a configuration"
  try_run -n "$lock" -- true # whoever listens at 6379
  [[ $stderr == *"warning: no node is named in --node, REDLOCK_NODES, '$XDG_CONFIG_HOME/redlock/config.toml' or '/etc/redlock/config.toml': asking redis://127.0.0.1:6379/0 alone"* ]]
  try_run -q -n "$lock" -- true
  [[ $stderr == *"warning: no node is named in "* ]]
  REDLOCK_NODES= try_run -q -n "$lock" -- true
  [[ $stderr == *"warning: no node is named in "* ]]
  try "$REDLOCK" status --node "$(url_of 1)" "$lock"
  [ -z "$stderr" ]
  try "$REDLOCK" status "$lock" "$lock"
  [ "$(grep -c warning <<< "$stderr")" -eq 1 ]
}

@test "a file that is not there, is a folder or may not be read is 78" {
  try_run -c "$BATS_TEST_TMPDIR/nowhere.toml" "$lock" -- touch "$marks/ran"
  [ "$status" -eq 78 ]
  [[ $stderr == "redlock: cannot read the configuration file '$BATS_TEST_TMPDIR/nowhere.toml': no such file"* ]]
  REDLOCK_CONFIG=$BATS_TEST_TMPDIR try_run "$lock" -- touch "$marks/ran"
  [ "$status" -eq 78 ]
  : > "$config"
  chmod 000 "$config"
  local as_nobody=()
  (($(id -u) != 0)) || as_nobody=(setpriv --reuid=64321 --clear-groups)
  # The folders above have to be open to whoever that is.
  local reachable=$(mktemp -d)
  chmod 755 "$reachable"
  cp "$REDLOCK" "$reachable/redlock"
  mv "$config" "$reachable/config.toml"
  try "${as_nobody[@]}" "$reachable/redlock" run -c "$reachable/config.toml" "$lock" -- touch "$marks/ran"
  rm -rf "$reachable"
  [ "$status" -eq 78 ]
  [[ $stderr == *"permission denied"* ]]
  [ ! -e "$marks/ran" ]
}

@test "a file with a password that everybody can read gets a warning, and no password is ever shown" {
  local secret=hunter2hunter2 here=$(url_of 1)
  redis_cli 1 CONFIG SET requirepass "$secret" > /dev/null
  unset REDLOCK_NODES
  printf '[[node]]\nurl = "%s"\npassword = "%s"\n' "$here" "$secret" > "$config"
  chmod 644 "$config"
  try_run -v -c "$config" "$lock" -- true
  local first_status=$status first=$stderr
  chmod 600 "$config"
  try_run -v -c "$config" "$lock" -- true
  local second_status=$status second=$stderr
  REDISCLI_AUTH=$secret redis_cli 1 CONFIG SET requirepass '' > /dev/null
  [ "$first_status $second_status" = "0 0" ]
  [[ $first == *"warning: configuration file $config "*"chmod 600"* ]]
  [[ $second != *"warning"* ]]
  [[ $first$second != *"$secret"* ]]
}

@test "no error repeats a password, however wrong the URL or the file is" {
  local secret=hunter2hunter2
  for url in "redis://u:$secret@h:70000" "redis://u:$secret@h/x" "redis://u:$secret@h#f" "redis://$secret@h" \
    "rediss://u:$secret@h:70000" "redis:/u:$secret@h" "u:$secret@h" "redis://h:$secret" "redis://u:$secret" "unix://u:$secret@x" \
    "redis://u:$secret%zz@h" "redis://u:$secret @h" "redis://u:/$secret@h"; do
    for how in flag environment file; do
      case $how in
        flag) try_run --node "$url" "$lock" -- touch "$marks/ran" ;;
        environment) REDLOCK_NODES=$url try_run "$lock" -- touch "$marks/ran" ;;
        file)
          printf '[[node]]\nurl = "%s"\n' "$url" > "$config"
          REDLOCK_NODES= try_run -c "$config" "$lock" -- touch "$marks/ran"
          ;;
      esac
      [ "$status" -eq 78 ] || [ "$status" -eq 64 ]
      [[ $output$stderr != *"$secret"* ]]
    done
  done
  refuses "[defaults]\npassword = $secret\n" "$config:2:"
  [[ $stderr != *"$secret"* ]]
  refuses "[[node]]\nurl = \"redis://h\"\npasword = \"$secret\"\n" "did you mean 'password'?"
  [[ $stderr != *"$secret"* ]]
  [ ! -e "$marks/ran" ]
}

@test "the example that comes with redlock is a valid configuration" {
  local example=$BATS_TEST_DIRNAME/../../config.example.toml
  REDIS_2_PASSWORD=x try_run -n -c "$example" "$lock" -- echo ran
  [ "$status" -eq 0 ]
  [ "$output" = ran ]
}

@test "a quarantine below the ttl is worth a warning" {
  REDLOCK_RESTART_QUARANTINE=1s try_run -n "$lock" -- true
  [[ $stderr == *"warning: REDLOCK_RESTART_QUARANTINE: 1s is shorter than the ttl 30s"* ]]
}
