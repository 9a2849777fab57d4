# bash completion for redlock(1)

_redlock_common='-h --help -V --version -q --quiet -v --verbose --color'
_redlock_commands='run acquire extend release sandbox status list break nodes help'
_redlock_run='-n --nonblock -w --wait -E --conflict-exit-code -k --kill-after --on-lost --release-when --events --ttl --retry-delay
  --retry-count --node-timeout --restart-quarantine --key-prefix -c --config --node'
_redlock_acquire="${_redlock_run/ --on-lost --release-when/} --format --json --while-pid --lost-signal"
_redlock_release='--node-timeout --restart-quarantine --key-prefix -c --config --node'
_redlock_extend="$_redlock_release --ttl"
_redlock_sandbox='-n --nodes --unix --tls --acl'
_redlock_nodes='--json --node-timeout --restart-quarantine -c --config --node'
_redlock_list="$_redlock_nodes --key-prefix"
_redlock_status="$_redlock_list --watch"
_redlock_break="$_redlock_list -y --yes"

# The command behind "--", which is word $1, as if it stood alone.
_redlock_inner_command() {
  if declare -F _command_offset > /dev/null; then
    _command_offset "$1"
  elif ((COMP_CWORD == $1)); then
    mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
  else
    compopt -o default
  fi
}

# Completes from the words given.
_redlock_offer() { mapfile -t COMPREPLY < <(compgen -W "$*" -- "${COMP_WORDS[COMP_CWORD]}"); }

# The locks that the nodes know, where they say so quickly. Names that a shell would have to quote are left out.
_redlock_offer_names() {
  local names
  names=$(timeout 0.5 "${COMP_WORDS[0]}" list -q --color never --node-timeout 200ms 2> /dev/null |
    sed -nE '1d; s/^([A-Za-z0-9_.:/@%+=,-]+)  .*/\1/p')
  _redlock_offer "$names"
}

_redlock() {
  COMPREPLY=()
  local i command='' word=${COMP_WORDS[COMP_CWORD]}
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      --)
        _redlock_inner_command $((i + 1))
        return
        ;;
      *)
        [[ -n $command || " $_redlock_commands " != *" ${COMP_WORDS[i]} "* ]] || command=${COMP_WORDS[i]}
        ;;
    esac
  done

  # What an option wants. "-n" of run wants nothing.
  case $command:${COMP_WORDS[COMP_CWORD - 1]} in
    *:--color) _redlock_offer auto always never; return ;;
    *:-c | *:--config | *:--events) compopt -o default; return ;;
    acquire:--format) _redlock_offer token shell json; return ;;
    acquire:--lost-signal) _redlock_offer TERM INT HUP USR1 USR2; return ;;
    acquire:--while-pid) _redlock_offer '$$'; return ;;
    run:--on-lost) _redlock_offer stop warn; return ;;
    run:--release-when) _redlock_offer command all; return ;;
    *:--ttl) _redlock_offer 15s 30s 1m 5m; return ;;
    *:-w | *:--wait) _redlock_offer 10s 1m 10m 1h; return ;;
    *:-k | *:--kill-after) _redlock_offer 1s 5s 10s; return ;;
    *:--retry-delay) _redlock_offer 100ms 200ms 1s; return ;;
    *:--node-timeout) _redlock_offer 100ms 500ms 1s; return ;;
    *:--restart-quarantine) _redlock_offer 0s 30s 5m; return ;;
    *:--node)
      # readline takes ":" as the end of a word.
      _redlock_offer redis:// rediss:// unix:///
      compopt -o nospace
      return
      ;;
    acquire:-E | acquire:--conflict-exit-code) _redlock_offer 1 75; return ;;
    *:-E | *:--conflict-exit-code) _redlock_offer 0 75; return ;;
    sandbox:-n | sandbox:--nodes) _redlock_offer 3 5 7; return ;;
    *:--retry-count | *:--key-prefix) return ;;
  esac

  case $command in
    '') if [[ $word == -* ]]; then _redlock_offer "$_redlock_common"; else _redlock_offer "$_redlock_commands"; fi ;;
    help) if [[ $word == -* ]]; then _redlock_offer "$_redlock_common"; else _redlock_offer "$_redlock_commands"; fi ;;
    run) if [[ $word == -* ]]; then _redlock_offer "$_redlock_common $_redlock_run --"; else _redlock_offer_names; fi ;;
    acquire) if [[ $word == -* ]]; then _redlock_offer "$_redlock_common $_redlock_acquire"; else _redlock_offer_names; fi ;;
    extend) if [[ $word == -* ]]; then _redlock_offer "$_redlock_common $_redlock_extend"; else _redlock_offer_names; fi ;;
    release) if [[ $word == -* ]]; then _redlock_offer "$_redlock_common $_redlock_release"; else _redlock_offer_names; fi ;;
    sandbox) _redlock_offer "$_redlock_common $_redlock_sandbox --" ;;
    status) if [[ $word == -* ]]; then _redlock_offer "$_redlock_common $_redlock_status"; else _redlock_offer_names; fi ;;
    list) [[ $word != -* ]] || _redlock_offer "$_redlock_common $_redlock_list" ;;
    break) if [[ $word == -* ]]; then _redlock_offer "$_redlock_common $_redlock_break"; else _redlock_offer_names; fi ;;
    nodes) _redlock_offer "$_redlock_common $_redlock_nodes" ;;
  esac
}

complete -F _redlock redlock
