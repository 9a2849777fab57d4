#!/usr/bin/env bats
# The program and what stands around it say the same: help, manual page, completions, README.

bats_require_minimum_version 1.5.0

setup_file() {
  root=$(realpath "$BATS_TEST_DIRNAME/../..")
  REDLOCK=$(realpath "${REDLOCK:-$root/build/release/redlock}")
  completions=$(dirname "$REDLOCK")/completions
  export root REDLOCK completions
  # A machine may stand still for a second, the default.
  export REDLOCK_NODE_TIMEOUT=5s
}

need() { command -v "$1" > /dev/null || skip "$1 is not installed"; }

# --- the long options, sorted, that each source knows ----------------------------------------------------------------

commands() { "$REDLOCK" --help | awk '/^Subcommands:/ { inside = 1; next } inside && /^ +[a-z]/ { print $1 } inside && /^$/ { exit }'; }

# What may stand behind "redlock", or behind "redlock $1": options of the program are taken there, too.
options_in_help() {
  { "$REDLOCK" --help; [[ -z ${1:-} ]] || "$REDLOCK" "$1" --help; } |
    grep -E '^ +-' | grep -oE -- '--[a-z][a-z-]*' | sort -u
}

# Of the options of a command: those in the groups of --help that commands share.
shared_options_of() {
  "$REDLOCK" "$1" --help | awk '/^[A-Z]/ { inside = /^(Lock|Nodes):/ } inside && /^ +-/' | grep -oE -- '--[a-z][a-z-]*' | sort -u
}

# The options that more than one command shares.
shared_options() {
  local command
  for command in $(commands); do shared_options_of "$command"; done | sort | uniq -d
}

# The options described in a section of the manual, once for each time: of the program in DESCRIPTION itself, of a command
# in a subsection of it.
described() {
  awk -v section="$1" -v command="${2:-}" '
    /^\.Sh / { inside = substr($0, 5) == section; mine = inside && command == "" }
    inside && /^\.Ss / { mine = $3 == command }
    mine && /^\.It Fl /' "$root/man/redlock.1" | grep -oE -- 'Fl -[a-z][a-z-]*' | sed 's/^Fl -/--/' | sort
}

# The shared options that the section of a command says it takes, in the paragraph that begins with "Takes".
taken() {
  local sentence
  sentence=$(awk -v command="$1" '
    /^\.S[hs] / { mine = $2 == "redlock" && $3 == command }
    mine && /^Takes/ { inside = 1 }
    /^\.(Bl|Pp|Sh|Ss)/ { inside = 0 }
    inside' "$root/man/redlock.1" | tr '\n' ' ')
  {
    grep -oE -- '\.Fl -[a-z][a-z-]*' <<< "$sentence" | sed 's/^.Fl -/--/'
    for section in LOCK NODE; do
      [[ $sentence != *"all .Sx $section OPTIONS"* ]] || described "$section OPTIONS"
    done
  } | sort -u
}

options_in_manual() {
  { described DESCRIPTION; [[ -z ${1:-} ]] || { described DESCRIPTION "$1"; taken "$1"; }; } | sort -u
}

options_in_bash() {
  bash --norc -c 'source "$completions/redlock.bash"; COMP_WORDS=(redlock "$@" --); COMP_CWORD=$(($# + 1)); _redlock
    printf "%s\n" "${COMPREPLY[@]}"' - "$@" | grep -E -- '^--[a-z]' | sort -u
}

options_in_fish() {
  HOME=$BATS_TEST_TMPDIR fish -c 'source $completions/redlock.fish; complete -C "$argv --"' -- "redlock ${1:-}" |
    grep -oE -- '^--[a-z][a-z-]*' | sort -u
}

# The completion hands its options to _arguments, which this replaces.
options_in_zsh() {
  zsh -f -c '
    _arguments() { print -rl -- "$@"; state=${command:+rest}; [[ $1 != -C ]] || { words=($command -); CURRENT=2 }; }
    complete_it() { source $completions/_redlock }
    command=$1; words=(redlock $command -); CURRENT=$#words
    complete_it' - "${1:-}" | grep -oE -- '(^|[^a-z-])--[a-z][a-z-]*\[' | grep -oE -- '--[a-z-]+' | sort -u
}

# Fails with the difference.
same() {
  diff --label "$1" --label "$2" <(cat <<< "$3") <(cat <<< "$4")
}

compare_with_help() {
  local command
  for command in '' $(commands); do
    same "redlock $command --help" "$1 of redlock $command" "$(options_in_help "$command")" "$("options_in_$1" ${command:+"$command"})"
  done
}

@test "help names commands and options" {
  [ -n "$(commands)" ]
  [[ "$(options_in_help run)" == *--ttl* ]]
  [[ "$(options_in_help sandbox)" == *--verbose* ]]
}

@test "the manual page has every long option of --help, and no other" { compare_with_help manual; }

# Of a command: its options, and what --help says of each, on one line.
option_lines() {
  "$REDLOCK" "$1" --help | sed -nE '/^ +-/{/  .*  /!N;s/[ \n]+/ /g;p}'
}

@test "the manual page describes each option once, where it belongs" {
  shared=$(shared_options)
  [[ $shared == *--ttl*--wait* ]]
  same "groups of --help" "LOCK OPTIONS and NODE OPTIONS" "$shared" \
    "$(for section in LOCK NODE; do described "$section OPTIONS"; done | sort)"
  for command in $(commands); do
    same "options of redlock $command --help" "what its section describes or says it takes" \
      "$(options_in_help "$command" | comm -23 - <(described DESCRIPTION))" \
      "$({ described DESCRIPTION "$command"; taken "$command"; } | sort)"
    same "options that redlock $command shares" "those of them that its section says it takes" \
      "$(shared_options_of "$command" | comm -12 - <(cat <<< "$shared"))" "$(taken "$command" | comm -12 - <(cat <<< "$shared"))"
  done
  # An option that means the same for several commands.
  for command in $(commands); do
    for option in $(described DESCRIPTION "$command"); do
      option_lines "$command" | grep -E -- "^ (-.,)?$option "
    done
  done > "$BATS_TEST_TMPDIR/described"
  [[ $(< "$BATS_TEST_TMPDIR/described") == *--on-lost*--while-pid* ]]
  [ -z "$(sort "$BATS_TEST_TMPDIR/described" | uniq -d)" ] || { sort "$BATS_TEST_TMPDIR/described" | uniq -d; return 1; }
}

@test "the synopsis of the manual page fits on a screen" {
  need mandoc
  lines=$(mandoc -O width=80 "$root/man/redlock.1" | sed "s|.\x08||g" | awk '/^[A-Z]/ { inside = /^SYNOPSIS/ } inside' | wc -l)
  ((lines > 10 && lines <= 24))
}

@test "the completion for bash offers every long option of --help, and no other" { compare_with_help bash; }

@test "the completion for zsh offers every long option of --help, and no other" {
  need zsh
  compare_with_help zsh
}

@test "the completion for fish offers every long option of --help, and no other" {
  need fish
  compare_with_help fish
}

@test "the completions offer every command" {
  for command in $(commands); do
    bash --norc -c 'source "$completions/redlock.bash"; COMP_WORDS=(redlock ""); COMP_CWORD=1; _redlock
      printf "%s\n" "${COMPREPLY[@]}"' | grep -qx "$command"
    grep -q "'$command:" "$completions/_redlock"
    grep -q -- "-a $command " "$completions/redlock.fish"
  done
}

@test "behind -- the completions complete the command itself" {
  bash --norc -c 'source "$completions/redlock.bash"; COMP_WORDS=(redlock run x -- mktem); COMP_CWORD=4; _redlock
    printf "%s\n" "${COMPREPLY[@]}"' | grep -qx mktemp
  if command -v fish > /dev/null; then
    HOME=$BATS_TEST_TMPDIR fish -c 'source $completions/redlock.fish; complete -C "redlock run x -- mktem"' | grep -q '^mktemp'
  fi
  if command -v zsh > /dev/null; then
    run zsh -f -c '_normal() { print "$CURRENT: $words" }
      complete_it() { source $completions/_redlock }
      words=(redlock run x -- mktem); CURRENT=5; complete_it'
    [ "$output" = "1: mktem" ]
  fi
}

@test "zsh itself accepts the completion" {
  need zsh
  timeout 60 zsh -f -c '
    zmodload zsh/zpty
    zpty shell "TERM=dumb zsh -f -i"
    zpty -w shell "fpath=($completions \$fpath); autoload -Uz compinit; compinit -u -D; print rea\"\"dy"
    zpty -r -m shell seen "*ready*"
    zpty -w -n shell "redlock run --nonb"$'"'\t'"'
    zpty -r -m shell seen "*redlock run --nonblock*"'
}

# --- the manual page -------------------------------------------------------------------------------------------------

@test "the manual pages are clean" {
  need mandoc
  run mandoc -T lint -W warning "$root/man/redlock.1" "$root/man/redlock.toml.5"
  echo "$output"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "the manual page has every event and every member of one, and no other" {
  program=$root/src/cli/lock_events.cpp
  same program manual "$(grep -oP '\bwrite\("\K[a-z_]+' "$program" | sort -u)" \
    "$(awk '/^\.Sh / { inside = /EVENTS/ } /^\.Bl/ { ++depth } /^\.El/ { --depth }
      inside && depth == 1 && /^\.It Cm / { print $3 }' "$root/man/redlock.1" | sort)"
  events=$(sed -n '/^\.Sh EVENTS/,/^\.Sh EXIT/p' "$root/man/redlock.1")
  for member in $(cat "$program" "$root/src/cli/event_log.cpp" | grep -oP '(\{|emplace_back\(|add\()"\K[a-z_]+(?=", )' | sort -u); do
    grep -qE "^\.Ql $member( |$)" <<< "$events" || { echo "the member $member is missing"; return 1; }
  done
  for value in $(grep -oP '("reason", |return |\? |: )"\K[a-z_]+(?=")' "$program" | sort -u); do
    grep -qE "^(\.It )?\.?Cm $value( |$)" <<< "$events" || { echo "the value $value is missing"; return 1; }
  done
}

@test "the manual page of the configuration has every key of the example, and no other" {
  keys=$(sed -nE 's/^#?([a-z_]+) = .*/\1/p' "$root/config.example.toml" | sort -u)
  [ -n "$keys" ]
  same example manual "$keys" \
    "$(sed -n 's/^\.It Ic //p' "$root/man/redlock.toml.5" | tr -s ' ,' '\n' | sort -u)"
}

statuses_in_manual() {
  awk '/^\.Sh / { inside = /EXIT STATUS/ } inside && /^\.It [0-9]+$/ && $2 > 0 { print $2 }' "$root/man/redlock.1" | sort -u
}

@test "README and manual page list the same exit statuses" {
  [ -n "$(statuses_in_manual)" ]
  same manual README "$(statuses_in_manual)" \
    "$(awk '/^## / { inside = 0 } /^### / { inside = /Exit status/ } inside && /^\| [0-9]/ { print $2 }' "$root/README.md" | sort -u)"
}

@test "every exit status of the program is in the manual page" {
  # 0 and 1 are the answers of commands that ask; 128 is the base for signals.
  statuses=$(sed -n 's/^inline constexpr int k[A-Za-z]* = \([0-9]*\);.*/\1/p' "$root/src/base/error.hpp" | grep -vx '0\|1\|128' | sort -u)
  same program manual "$statuses" "$(statuses_in_manual)"
}

@test "the rights that the manual page asks for in an ACL are enough, and no more than that" {
  need redis-cli
  rights=$(sed -n 's/^\.Ql \(+eval .*\)$/\1/p' "$root/man/redlock.1")
  [ -n "$rights" ]
  # Held long enough for an extension, and contended: what is forbidden shows as a warning or a vote that is missing.
  cat > "$BATS_TEST_TMPDIR/with-rights" <<'SCRIPT'
set -eu
for node in $REDLOCK_NODES; do
  redis-cli -p "${node##*:}" ACL SETUSER locker reset on '>secret' '~x' '~redlock.*:x' $1 > /dev/null
done
# A command does not get the password of REDLOCK_NODES.
export LOCKER_NODES=$(echo "$REDLOCK_NODES" | sed 's,redis://,redis://locker:secret@,g')
REDLOCK_NODES=$LOCKER_NODES timeout 20 "$REDLOCK" run -v -n --ttl "$2" x -- sh -c '
  status=0
  REDLOCK_NODES=$LOCKER_NODES "$REDLOCK" run -n x -- true || status=$?
  sleep "$0"
  [ "$status" -eq 75 ]' "$3"
SCRIPT
  run -0 "$REDLOCK" sandbox -n 3 -- sh "$BATS_TEST_TMPDIR/with-rights" "$rights" 6s 4
  [[ $output == *acquired* ]]
  [[ $output == *extended* ]]
  [[ $output != *warning* ]]
  [[ $output != *ACL* ]]
  for right in $rights; do
    [[ $right != +select ]] || continue # for a database other than 0
    run "$REDLOCK" sandbox -n 3 -- sh "$BATS_TEST_TMPDIR/with-rights" "${rights/$right/}" 600ms 0.5
    [[ $status -ne 0 || $output == *warning* || $output == *ACL* ]] || { echo "without $right nothing is missing"; return 1; }
  done
}

@test "the rights that the manual page asks for are those of the sandbox's user, and its example has them all" {
  mine=$(sed -n '/kRights =/,/;/p' "$root/src/redis/rights.hpp" | grep -oE '[+&][a-z_|:]+' | sort)
  listed=$(sed -n 's/^\.Ql \(+.*\)$/\1/p' "$root/man/redlock.1" | grep -oE '[+&][a-z_|:]+' | sort -u)
  [ -n "$mine" ]
  same program manual "$mine" "$listed"
  example=$(sed -n '/^ACL SETUSER/,/^\.Ed/p' "$root/man/redlock.1" | grep -oE '[+&][a-z_|:]+' | sort)
  same program example "$mine" "$example"
}

# --- README ----------------------------------------------------------------------------------------------------------

readme_block() { "$BATS_TEST_DIRNAME/lib/readme-block" "$1" "$root/README.md"; }

@test "README has at most 250 lines" {
  (($(wc -l < "$root/README.md") <= 250))
}

@test "README has two commands that are complete, and a missing one is noticed" {
  for name in demo tests; do
    block=$(readme_block "$name")
    bash -n <<< "$block"
    [[ $block == 'SUDO=$(command -v sudo || true)'* ]]
    [[ $block == *'apt-get update'*'apt-get install -y --no-install-recommends'* ]]
  done
  [[ $(readme_block tests) == *'cmake --workflow --preset release' ]]
  run ! readme_block no-such-block
}

@test "README's command to uninstall removes all that was installed" {
  [[ -e $(dirname "$REDLOCK")/CMakeCache.txt ]] || skip "the program is not in its build folder"
  mkdir -p "$BATS_TEST_TMPDIR/build"
  ln -s "$(dirname "$REDLOCK")" "$BATS_TEST_TMPDIR/build/demo"
  cd "$BATS_TEST_TMPDIR"
  cmake --install build/demo --prefix "$PWD/installed" > /dev/null
  [ -x installed/bin/redlock ]
  [ -e installed/share/man/man1/redlock.1 ]
  (($(find installed -type f | wc -l) >= 6))
  readme_block uninstall | sed 's/^sudo //' > uninstall
  run -0 sh uninstall
  [ -z "$(find installed -type f)" ]
}

@test "what README installs for the tests is what it installs to try it, and more" {
  packages() { readme_block "$1" | sed -n '/apt-get install/,/&&$/p' | tail -n +2 | tr -d '\\&' | tr -s ' ' '\n' | grep .; }
  [ -n "$(packages demo)" ]
  for package in $(packages demo); do packages tests | grep -qx "$package"; done
}

@test "what README shows runs as it says" {
  mkdir -p "$BATS_TEST_TMPDIR/build"
  ln -s "$(dirname "$REDLOCK")" "$BATS_TEST_TMPDIR/build/demo"
  cd "$BATS_TEST_TMPDIR"
  readme_block demo | sed -n '/^PATH=/,$p' > demo
  run -0 --separate-stderr sh demo
  [ "${#lines[@]}" -eq 9 ]
  [ "${lines[0]}" = "five nodes:" ]
  [[ ${lines[6]} =~ ^'the first runs under lock demo with fence '([0-9]+)$ ]]
  first=${BASH_REMATCH[1]}
  [ "${lines[7]}" = "the second was refused with exit status 75" ]
  [[ ${lines[8]} =~ ^'the third runs with fence '([0-9]+)', which is greater'$ ]]
  ((BASH_REMATCH[1] > first))
}

@test "the pictures of a terminal in README show what redlock says today" {
  redis-server --version | grep -q '^Redis ' || skip "the pictures show Redis"
  local scene
  for scene in held nodes; do
    grep -q "(tests/pictures/$scene.svg)" "$root/README.md"
    PATH="$(dirname "$REDLOCK"):$PATH" run "$root/tests/pictures/draw" --check "$scene"
    [[ $status -ne 69 ]] || skip "this machine has no namespaces"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
  done
}

# What README shows, under a sandbox, with the program of this build first on PATH.
in_sandbox() {
  PATH="$(dirname "$REDLOCK"):$PATH" run -0 --separate-stderr "$REDLOCK" sandbox -n 3 -- sh -c "$@"
  echo "$output"
  echo "$stderr" >&2
}

@test "README's script with acquire, extend and release does what it says, and leaves the lock free" {
  readme_block by-hand > "$BATS_TEST_TMPDIR/script"
  in_sandbox 'sh "$0"; redlock status nightly-copy | head -n 1' "$BATS_TEST_TMPDIR/script"
  [ "${#lines[@]}" -eq 4 ]
  [[ ${lines[0]} =~ ^'copying one with fence '[0-9]+$ ]]
  [[ ${lines[2]} =~ ^'copying three with fence '[0-9]+$ ]]
  [ "${lines[3]}" = "lock 'nightly-copy' is free" ]
  [ -z "$stderr" ]
}

@test "README's script with acquire, extend and release stops when the lock is gone" {
  readme_block by-hand | sed 's/^copy() {/copy() { redlock break -q --yes nightly-copy;/' > "$BATS_TEST_TMPDIR/script"
  in_sandbox 'sh "$0"; echo "exit status $?"' "$BATS_TEST_TMPDIR/script"
  [[ $output == *"copying one"* ]]
  [[ $output != *"copying two"* ]]
  [[ ${lines[-1]} != "exit status 0" ]]
}

@test "README's script with --while-pid holds the lock until it ends" {
  readme_block while-pid > "$BATS_TEST_TMPDIR/script"
  echo 'redlock status nightly-copy | head -n 1' >> "$BATS_TEST_TMPDIR/script"
  in_sandbox 'sh "$0"; until redlock status nightly-copy | grep -q free; do :; done; echo free' "$BATS_TEST_TMPDIR/script"
  [ "${lines[0]}" = "copying, with a token of 40 characters" ]
  [[ ${lines[1]} == "lock 'nightly-copy' is held by "* ]]
  [ "${lines[2]}" = free ]
}

@test "the completions offer the names of locks that are held, where no quoting is needed" {
  cat > "$BATS_TEST_TMPDIR/complete" <<'SCRIPT'
for name in nightly-backup 'with blanks' 'a;b'; do redlock acquire "$name" > /dev/null; done
# They give the nodes half a second, which a slow machine may not have: as a person would, again.
bash --norc -c 'source "$completions/redlock.bash"; COMP_WORDS=(redlock status ""); COMP_CWORD=2
  for _ in {1..20}; do _redlock; [[ -z ${COMPREPLY[*]} ]] || break; done
  printf "bash: %s\n" "${COMPREPLY[@]}"'
if command -v fish > /dev/null; then
  for _ in {1..20}; do
    offered=$(HOME=$BATS_TEST_TMPDIR fish -c 'source $completions/redlock.fish; complete -C "redlock status "' | grep -E 'nightly|blanks|a;b')
    [[ -z $offered ]] || break
  done
  sed 's/^/fish: /; s/\t.*//' <<< "$offered"
fi
SCRIPT
  in_sandbox 'bash "$0"' "$BATS_TEST_TMPDIR/complete"
  [ "${lines[0]}" = "bash: nightly-backup" ]
  [ "${#lines[@]}" -le 2 ]
  ! command -v fish > /dev/null || [ "${lines[1]}" = "fish: nightly-backup" ]
}

@test "zsh offers the names of locks that are held" {
  need zsh
  cat > "$BATS_TEST_TMPDIR/complete.zsh" <<'SCRIPT'
zmodload zsh/zpty
zpty shell "TERM=dumb zsh -f -i"
zpty -w shell "fpath=($completions \$fpath); autoload -Uz compinit; compinit -u -D; print rea\"\"dy"
zpty -r -m shell seen "*ready*"
zpty -w -n shell "redlock status night"
# It gives the nodes half a second, which a slow machine may not have: again, as a person would. Where there is nothing, it beeps.
for ((i = 0; i < 300; ++i)); do
  ((i % 15)) || zpty -w -n shell $'\t'
  while zpty -r -t shell more; do seen+=${more//$'\a'/}; done
  [[ $seen != *"redlock status nightly-backup"* ]] || { print found; break; }
  sleep 0.1
done
SCRIPT
  in_sandbox 'redlock acquire nightly-backup > /dev/null; timeout 60 zsh -f "$0"' "$BATS_TEST_TMPDIR/complete.zsh"
  [[ $output == *found* ]]
}
