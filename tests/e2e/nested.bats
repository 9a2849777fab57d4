#!/usr/bin/env bats
# A run within a run of the same lock (redlock(1), NESTED RUNS): it ends at once, or runs under the outer lease.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  start_nodes 6
}
setup() {
  redlock_setup
  export lock marks
  use_nodes 1 2 3
}
teardown() {
  redlock_teardown
  [[ -z ${open:-} ]] || rm -rf "$open"
  [[ ! -e $marks/pids ]] || xargs -r kill -KILL < "$marks/pids" 2> /dev/null || :
  if [[ $nodes_dir == "$BATS_TEST_TMPDIR"/* ]]; then stop_nodes; fi
}
teardown_file() { stop_nodes; }

# What a refused inner run says, beside who holds the lock.
itself='to which this process belongs: it would wait for itself'

# outer SCRIPT [ARGUMENT...]: the script of bash, with $lock and $marks, under the lock. It must not take 60 s.
outer() { try timeout 60 "$REDLOCK" run ${outer_options:-} "$lock" -- bash -c "$@"; }

@test "a run within a run of the same lock ends at once, whatever it was to wait, and says why" {
  outer '
    for options in "" "-n" "-w 1h" "-w 1h --retry-count 1000" "-E 9"; do
      "$REDLOCK" run $options "$lock" -- touch "$marks/ran"; echo "$?"
    done'
  [ "$status" -eq 0 ]
  [ "${lines[*]}" = "75 75 75 75 9" ]
  [ ! -e "$marks/ran" ]
  [ "$(grep -c "lock '$lock' is held by .*, $itself. With --reentrant the command runs under that lock" <<< "$stderr")" -eq 5 ]
  nothing_left_of "$lock" 1 2 3
  [ "$(redis_cli 1 EXISTS "redlock.queue:$lock" "redlock.bar:$lock")" -eq 0 ]
}

@test "acquire within a run of the same lock ends at once, too" {
  outer '
    "$REDLOCK" acquire "$lock"; echo "$?"
    "$REDLOCK" acquire -w 1h --while-pid $$ "$lock"; echo "$?"'
  [ "${lines[*]}" = "75 75" ]
  [ "$(grep -c "$itself$" <<< "$stderr")" -eq 2 ]
}

@test "so does a run in a script that has acquired the lock, which no --reentrant helps" {
  cat > "$marks/script" <<'SCRIPT'
eval "$("$REDLOCK" acquire --format shell "$lock")"
"$REDLOCK" run "$lock" -- touch "$marks/ran"; echo "$?"
"$REDLOCK" run --reentrant "$lock" -- touch "$marks/ran"; echo "$?"
"$REDLOCK" release "$lock"
"$REDLOCK" run "$lock" -- echo free
SCRIPT
  try timeout 60 bash "$marks/script"
  [ "${lines[*]}" = "75 75 free" ]
  [ ! -e "$marks/ran" ]
  [[ $stderr == *"$itself"$'\n'*"$itself. It is not held by a run"*"--reentrant is no help" ]]
}

@test "--reentrant runs the command under the outer lease, and releases nothing" {
  outer '
    env | grep "^REDLOCK_[NTF]" | sort > "$marks/outside"
    "$REDLOCK" run --reentrant -n "$lock" -- sh -c "env | grep ^REDLOCK_[NTF] | sort > $marks/inside; exit 7"; echo "$?"
    cmp "$marks/outside" "$marks/inside" && echo same
    "$REDLOCK" status -q "$lock"; echo "$?"
    "$REDLOCK" extend "$lock"; echo "$?"'
  [ "$status" -eq 0 ]
  [ "${lines[*]}" = "7 same 0 0" ]
  [ -z "$stderr" ]
  nothing_left_of "$lock" 1 2 3
}

@test "without a run around it, --reentrant changes nothing" {
  try_run --reentrant "$lock" -- sh -c 'echo "$REDLOCK_NAME"'
  [ "$status $output" = "0 $lock" ]
  start_holder "$lock"
  try_run --reentrant -n "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr != *itself* ]]
  end_holder
}

@test "it works through shells, env, other users, sessions and orphans" {
  # A folder of its own: the way to the others may be closed to another user.
  export open=$(mktemp -d "${TMPDIR:-/tmp}/redlock-e2e-open.XXXXXX")
  cat > "$open/inner" <<'SCRIPT'
#!/bin/bash
cd /
"$REDLOCK" run -w 1h "$lock" -- true
echo "$? $("$REDLOCK" run --reentrant "$lock" -- echo "$REDLOCK_TOKEN") $REDLOCK_TOKEN" > "$1.part"
mv "$1.part" "$1"
SCRIPT
  cp "$REDLOCK" "$open/redlock"
  export REDLOCK=$open/redlock REDLOCK_CONFIG=/dev/null
  chmod 755 "$open/inner" "$open/redlock"
  chmod 777 "$open"
  outer '
    "$open/inner" "$open/direct"
    sh -c "bash -c \"env A=1 sh -c \\\"$open/inner $open/shells; :\\\"; :\"; :"
    setsid -w "$open/inner" "$open/session"
    ( setsid "$open/inner" "$open/orphan" & )
    setpriv --reuid 65534 --clear-groups "$open/inner" "$open/user"
    if command -v sudo > /dev/null; then sudo -E "$open/inner" "$open/sudo"; fi
    until [ -e "$open/orphan" ]; do read -rt 0.01 <> <(:); done; true'
  [ "$status" -eq 0 ]
  local way
  for way in direct shells session orphan user; do
    read -r code inside outside < "$open/$way"
    echo "$way: $code $inside $outside"
    [ "$code" -eq 75 ]
    [ -n "$outside" ]
    [ "$inside" = "$outside" ]
  done
}

@test "one of several names is held around it, and so are all of them in any order" {
  try timeout 60 "$REDLOCK" run "$lock-a" "$lock-b" -- bash -c '
    "$REDLOCK" run "$lock-b" -- true; echo "$?"
    "$REDLOCK" run "$lock-c" "$lock-b" -- true; echo "$?"
    "$REDLOCK" run --reentrant "$lock-b" -- sh -c "echo in \$REDLOCK_NAME"; echo "$?"
    "$REDLOCK" run --reentrant "$lock-b" "$lock-a" -- sh -c "echo \"\$REDLOCK_NAME\""; echo "$?"
    "$REDLOCK" run --reentrant "$lock-c" "$lock-b" -- true; echo "$?"
    "$REDLOCK" run --reentrant "$lock-c" -- echo free; echo "$?"'
  [ "$status" -eq 0 ]
  [ "${lines[*]}" = "75 75 in $lock-b 0 $lock-b $lock-a 0 75 free 0" ]
  [[ $stderr == *"lock '$lock-b' is held around this process, and lock '$lock-c' is not by the same run: take '$lock-c' in a run of its own"* ]]
}

@test "of a lock with slots, only the last of them is waited for in vain" {
  try timeout 60 "$REDLOCK" run --slots 2 "$lock" -- bash -c '
    "$REDLOCK" run --slots 2 "$lock" -- bash -c "
      \"\$REDLOCK\" run --slots 2 \"\$lock\" -- true; echo \$?
      \"\$REDLOCK\" run --slots 3 -n \"\$lock\" -- true; echo \$?"'
  [ "$status" -eq 0 ]
  [ "${lines[*]}" = "75 0" ]
  [[ $stderr == "redlock: all 2 slots of lock '$lock' are held around this process, one by "*", $itself. With --reentrant"* ]]
}

@test "a lock with slots is waited for where one of them is another's" {
  redis_cli 1 SET "$lock#2" foreign NX PX 60000
  redis_cli 2 SET "$lock#2" foreign NX PX 60000
  try timeout 60 "$REDLOCK" run --slots 2 "$lock" -- "$REDLOCK" run -w 4s --slots 2 "$lock" -- true
  [ "$status" -eq 75 ]
  [[ $stderr == *"all 2 slots are taken"*": waiting"* && $stderr != *itself* ]]
  redis_cli 1 DEL "$lock#2"
  redis_cli 2 DEL "$lock#2"
}

@test "a lock two runs further out is held around it, too" {
  outer '"$REDLOCK" run "$lock-b" -- bash -c "
    \"\$REDLOCK\" run \"\$lock\" -- true; echo \$?
    \"\$REDLOCK\" run --reentrant \"\$lock\" -- sh -c \"echo \\\"\\\$REDLOCK_NAME \\\$REDLOCK_TOKEN \\\$REDLOCK_FENCE\\\"\"; echo \$?"
    echo "$lock $REDLOCK_TOKEN $REDLOCK_FENCE"'
  [ "${#lines[@]}" -eq 4 ]
  [ "${lines[0]} ${lines[2]}" = "75 0" ]
  [ "${lines[1]}" = "${lines[3]}" ]
}

@test "what the environment says after the end of the outer run does not count" {
  outer 'env | grep ^REDLOCK_ | grep -v NODES > "$marks/environment"'
  mapfile -t environment < "$marks/environment"
  try timeout 60 env "${environment[@]}" "$REDLOCK" run -n --reentrant "$lock" -- sh -c 'echo "$REDLOCK_TOKEN"'
  [ "$status" -eq 0 ]
  [ "REDLOCK_TOKEN=$output" != "$(grep TOKEN= "$marks/environment")" ]
}

@test "a copy of the environment elsewhere does not count while the outer run lives" {
  start_redlock outer run "$lock" -- sh -c "env | grep ^REDLOCK_ | grep -v NODES > '$marks/part'; mv '$marks/part' '$marks/environment'; exec sleep 1000"
  wait_until 20 test -e "$marks/environment"
  mapfile -t environment < "$marks/environment"
  for options in -n '-n --reentrant'; do
    try timeout 60 env "${environment[@]}" "$REDLOCK" run $options "$lock" -- true
    [ "$status" -eq 75 ]
    [[ $stderr == *"lock '$lock' is held by "*"(pid $redlock, sh)"* && $stderr != *itself* ]]
  done
}

@test "nor does a holder on another host whose pid is one of the processes around it" {
  outer '
    for node in $REDLOCK_NODES; do redis-cli -u "$node" HSET "redlock.info:$lock" host elsewhere > /dev/null; done
    unset REDLOCK_HELD
    "$REDLOCK" run -n "$lock" -- true; echo "$?"
    "$REDLOCK" run -n --reentrant "$lock" -- true; echo "$?"'
  [ "${lines[*]}" = "75 75" ]
  [[ $stderr == *@elsewhere* && $stderr != *itself* ]]
}

@test "the same name on other nodes, or with another prefix, is another lock" {
  export others="$(url_of 4) $(url_of 5) $(url_of 6)"
  outer '
    echo "$REDLOCK_TOKEN"
    REDLOCK_NODES=$others "$REDLOCK" run -n --reentrant "$lock" -- sh -c "echo \$REDLOCK_TOKEN"
    "$REDLOCK" run -n --reentrant --key-prefix p: "$lock" -- sh -c "echo \$REDLOCK_TOKEN"
    REDLOCK_NODES=$others "$REDLOCK" run "$lock" -- echo done'
  [ "$status" -eq 0 ]
  [ "$(printf '%s\n' "${lines[@]}" | sort -u | wc -l)" -eq 4 ]
  [ "${lines[3]}" = "done" ]
}

@test "where the outer lease is lost, the command is not run" {
  outer_options='--ttl 60s' outer '
    for node in $REDLOCK_NODES; do redis-cli -u "$node" DEL "$lock" > /dev/null; done
    "$REDLOCK" run -n --reentrant "$lock" -- touch "$marks/ran"; echo "$?"
    for node in $REDLOCK_NODES; do redis-cli -u "$node" SET "$lock" other > /dev/null; done
    "$REDLOCK" run --reentrant "$lock" -- touch "$marks/ran"; echo "$?"'
  [ "${lines[*]}" = "79 79" ]
  [ ! -e "$marks/ran" ]
  [[ $stderr == *"lock '$lock' was lost by the run around this process (pid "*"): "*"the command was not run"* ]]
  on_all_nodes DEL "$lock"
}

@test "a lock that rests is held by no run, whoever has left it behind" {
  outer_options='--ttl 60s' outer '
    for node in $REDLOCK_NODES; do redis-cli -u "$node" HSET "redlock.info:$lock" resting 0 > /dev/null; done
    "$REDLOCK" run -n "$lock" -- touch "$marks/ran"; echo "$?"
    "$REDLOCK" run -n --reentrant "$lock" -- touch "$marks/ran"; echo "$?"'
  [ "${lines[*]}" = "75 79" ]
  [ ! -e "$marks/ran" ]
  [[ $stderr == *"lock '$lock' rests: "* && $stderr != *itself* ]]
  on_all_nodes DEL "$lock"
}

@test "the configuration and the environment can say it, too" {
  cat > "$marks/config.toml" <<TOML
[lock."$lock"]
reentrant = true
TOML
  outer '
    REDLOCK_REENTRANT=true "$REDLOCK" run "$lock" -- echo ran
    "$REDLOCK" run -c "$marks/config.toml" "$lock" -- echo ran
    REDLOCK_REENTRANT=false "$REDLOCK" run -c "$marks/config.toml" "$lock" -- echo ran'
  [ "${lines[*]}" = "ran ran" ]
  [ "$status" -eq 75 ]
}

@test "without a quorum it cannot tell, waits for one, and names the nodes" {
  start_nodes 3
  export dead_pids="$(pid_of 1) $(pid_of 2)" first="$(url_of 1)"
  outer_options='--ttl 60s' outer '
    kill -KILL $dead_pids
    until redis-cli -u "$first" PING 2>&1 | grep -q refused; do read -rt 0.01 <> <(:); done
    "$REDLOCK" run -n --reentrant "$lock" -- touch "$marks/ran"; echo "$?"
    "$REDLOCK" run --quorum-wait 300ms --reentrant "$lock" -- touch "$marks/ran"; echo "$?"'
  [ "${lines[*]}" = "69 69" ]
  [ ! -e "$marks/ran" ]
  [[ $stderr == *"no quorum for lock '$lock'"*"$first/0: connection refused"* ]]
}

@test "all that the inner command has started ends with the outer lease" {
  cat > "$marks/stay" <<'SCRIPT'
#!/bin/bash
trap '' TERM HUP INT
echo "$$" >> "$marks/pids"
while :; do sleep 1000 & wait $!; done
SCRIPT
  chmod +x "$marks/stay"
  cat > "$marks/inner" <<'SCRIPT'
#!/bin/bash
setsid "$marks/stay" &
( setsid "$marks/stay" & )
exec "$marks/stay"
SCRIPT
  chmod +x "$marks/inner"
  local how pids
  for how in broken killed; do
    rm -f "$marks/pids"
    start_redlock "$how" run --ttl 9s "$lock" -- sh -c '"$REDLOCK" run --reentrant "$lock" -- "$marks/inner"; exit 3'
    wait_until 20 has_lines 3 "$marks/pids"
    mapfile -t pids < "$marks/pids"
    if [ "$how" = broken ]; then
      "$REDLOCK" break -q --yes "$lock"
      finish "$redlock"
      [ "$status" -eq 79 ]
    else
      kill -KILL "$redlock"
    fi
    wait_until 20 all_dead "${pids[@]}"
    on_all_nodes DEL "$lock"
  done
}

@test "an inner run that the outer command leaves behind keeps the lock until it has ended" {
  cat > "$marks/inner" <<'SCRIPT'
#!/bin/bash
touch "$marks/inside"
until [ -e "$marks/go" ]; do read -rt 0.01 <> <(:); done
SCRIPT
  chmod +x "$marks/inner"
  local how
  for how in 'setsid' ''; do
    rm -f "$marks/inside" "$marks/go"
    start_redlock outer run --ttl 5s --kill-after 100ms "$lock" -- bash -c "
      ( ( $how \"\$REDLOCK\" run --reentrant \"\$lock\" -- \"\$marks/inner\" ) & )
      until [ -e \"\$marks/inside\" ]; do read -rt 0.01 <> <(:); done
      echo \$\$ > \"\$marks/command\"; exit 5"
    wait_until 20 has_lines 1 "$marks/command"
    wait_until 20 is_dead "$(< "$marks/command")"
    # It is extended, which nobody else would do.
    local fence=$(redis_cli 1 GET "redlock.fence:$lock")
    try_run -w 6s "$lock" -- true
    [ "$status" -eq 75 ]
    [ "$(nodes_with "redlock.fence:$lock" "$fence")" -ge 2 ]
    is_alive "$redlock"
    touch "$marks/go"
    finish "$redlock"
    [ "$status" -eq 5 ]
    nothing_left_of "$lock" 1 2 3
    rm "$marks/command"
  done
}

@test "signals go to the command, and its end is that of redlock" {
  start_redlock outer run "$lock" -- bash -c '
    "$REDLOCK" run --reentrant "$lock" -- bash -c "trap \"touch $marks/usr1\" USR1; touch $marks/ready; while :; do sleep 0.02; done" &
    echo $! > "$marks/inner.part"; mv "$marks/inner.part" "$marks/inner.pid"
    wait $!; echo $?
    "$REDLOCK" run --reentrant "$lock" -- sh -c "exit 42"; echo $?
    "$REDLOCK" run --reentrant "$lock" -- sh -c "kill -KILL \$\$"; echo $?
    "$REDLOCK" run --reentrant "$lock" -- "$marks/none"; echo $?'
  local outer=$redlock
  wait_until 20 test -e "$marks/ready"
  wait_until 20 test -e "$marks/inner.pid"
  kill -USR1 "$(< "$marks/inner.pid")"
  wait_until 20 test -e "$marks/usr1"
  [ "$(nodes_holding "$lock")" -eq 3 ]
  kill -TERM "$(< "$marks/inner.pid")"
  finish "$outer"
  [ "$status" -eq 0 ]
  [ "$(tr '\n' ' ' < "$marks/outer.out")" = "143 42 137 127 " ]
}

@test "--events tells that the command runs under the outer lock, and -v by whom that is held" {
  outer '"$REDLOCK" -v run --reentrant --events "$marks/events" "$lock" -- true; echo "$REDLOCK_FENCE"'
  [ "$status" -eq 0 ]
  [ "$(wc -l < "$marks/events")" -eq 1 ]
  has_text "\"event\":\"nested\".*\"fence\":$output.*\"holder\":\".*(pid " "$marks/events"
  [[ $stderr == *"lock '$lock' is held by "*": the command runs under that lock"* ]]
}

@test "at a terminal, Ctrl-C ends both runs, and Ctrl-Z stops both while the lock stays" {
  cat > "$marks/job" <<'SCRIPT'
exec "$REDLOCK" run "$lock" -- "$REDLOCK" run --reentrant "$lock" -- \
  sh -c 'trap "echo again" CONT; echo re''ady; while :; do sleep 0.1; done'
SCRIPT
  at_terminal() { run -0 "$BATS_TEST_DIRNAME/../helpers/terminal.py" "$@"; }
  at_terminal "type bash '$marks/job'\r" 'see ready' 'type \x03' 'see PROMPT> ' 'type echo code=$?\r' 'see code=130'
  nothing_left_of "$lock" 1 2 3
  at_terminal "type bash '$marks/job'\r" 'see ready' 'type \x1a' 'see Stopped' 'see PROMPT> ' \
    "type \"\$REDLOCK\" status -q '$lock'; echo status=\$?\r" 'see status=0' \
    'type fg\r' 'see again' 'type \x03' 'see PROMPT> ' 'type echo code=$?\r' 'see code=130'
  nothing_left_of "$lock" 1 2 3
}
