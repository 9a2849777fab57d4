# fish completion for redlock(1)

set -g __redlock_commands run acquire extend release sandbox status list break nodes help

# Whether the cursor stands behind the first "--", where a command of its own begins.
function __redlock_in_inner_command
    contains -- -- (commandline -opc)
end

function __redlock_using
    not __redlock_in_inner_command; and __fish_seen_subcommand_from $argv
end

function __redlock_needs_command
    not __redlock_in_inner_command; and not __fish_seen_subcommand_from $__redlock_commands
end

function __redlock_complete_inner_command
    set -l words (commandline -opc)
    set -l inner (string escape -- $words[(contains -i -- -- $words)..-1])
    set -e inner[1] # the "--" itself
    set -a inner (commandline -ct)
    complete -C "$inner"
end

# The locks that the nodes know, where they say so quickly.
function __redlock_names
    timeout 0.5 redlock list -q --color never --node-timeout 200ms 2>/dev/null | string replace -rf '^([A-Za-z0-9_.:/@%+=,-]+)  .*' '$1' | string match -v NAME
end

complete -c redlock -f
complete -c redlock -n __redlock_in_inner_command -xa '(__redlock_complete_inner_command)'

complete -c redlock -n __redlock_needs_command -a run -d 'Run a command while holding a lock'
complete -c redlock -n __redlock_needs_command -a acquire -d 'Take a lock for a script, and print its token'
complete -c redlock -n __redlock_needs_command -a extend -d 'Give a lock its whole TTL again'
complete -c redlock -n __redlock_needs_command -a release -d 'Give a lock back'
complete -c redlock -n __redlock_needs_command -a sandbox -d 'Run a command with throw-away Redis servers'
complete -c redlock -n __redlock_needs_command -a status -d 'Tell who holds a lock'
complete -c redlock -n __redlock_needs_command -a list -d 'List the locks that the nodes know'
complete -c redlock -n __redlock_needs_command -a break -d 'Take a lock away from whoever holds it'
complete -c redlock -n __redlock_needs_command -a nodes -d 'Check every node'
complete -c redlock -n __redlock_needs_command -a help -d 'Tell how a command is used'

complete -c redlock -n 'not __redlock_in_inner_command' -s h -l help -d 'Print the options and exit'
complete -c redlock -n 'not __redlock_in_inner_command' -s V -l version -d 'Print the version and exit'
complete -c redlock -n 'not __redlock_in_inner_command' -s q -l quiet -d 'No notices and warnings'
complete -c redlock -n 'not __redlock_in_inner_command' -s v -l verbose -d 'Tell of votes, times and extensions'
complete -c redlock -n 'not __redlock_in_inner_command' -l color -x -a 'auto always never' -d 'When to use colours'

complete -c redlock -n '__redlock_using help' -a '$__redlock_commands' -d Command

complete -c redlock -n '__redlock_using run acquire' -s n -l nonblock -d 'Do not wait: exit 75 when it is held'
complete -c redlock -n '__redlock_using run acquire' -s w -l wait -x -a '10s 1m 10m 1h' -d 'Wait at most so long'
complete -c redlock -n '__redlock_using run' -s E -l conflict-exit-code -x -a '0 75' -d 'Exit status when it is held'
complete -c redlock -n '__redlock_using acquire' -s E -l conflict-exit-code -x -a '1 75' -d 'Exit status when it is held'
complete -c redlock -n '__redlock_using run acquire' -s k -l kill-after -x -a '1s 5s 10s' -d 'Time between TERM and KILL'
complete -c redlock -n '__redlock_using run' -l on-lost -x -a 'stop warn' -d 'What to do when the lock is lost'
complete -c redlock -n '__redlock_using run' -l release-when -x -a 'command all' -d 'When to release the lock'
complete -c redlock -n '__redlock_using run acquire' -l events -r -F -d 'Write what happens as JSON lines'
complete -c redlock -n '__redlock_using run acquire extend' -l ttl -x -a '15s 30s 1m 5m' -d 'Length of the lease'
complete -c redlock -n '__redlock_using run acquire' -l retry-delay -x -a '100ms 200ms 1s' -d 'Between attempts'
complete -c redlock -n '__redlock_using run acquire' -l retry-count -x -d 'Attempts after the first'
complete -c redlock -n '__redlock_using run acquire extend release' -l node-timeout -x -a '100ms 500ms 1s' -d 'What a node may take to answer'
complete -c redlock -n '__redlock_using run acquire extend release' -l restart-quarantine -x -a '0s 30s 5m' -d 'No vote after a restart'
complete -c redlock -n '__redlock_using run acquire extend release' -l key-prefix -x -d 'In front of the name in Redis'
complete -c redlock -n '__redlock_using run acquire extend release' -s c -l config -r -F -d 'Configuration file'
complete -c redlock -n '__redlock_using run acquire extend release' -l node -x -a 'redis:// rediss:// unix:///' -d 'A Redis server'

complete -c redlock -n '__redlock_using acquire' -l format -x -a 'token shell json' -d 'What to print'
complete -c redlock -n '__redlock_using acquire' -l json -d 'The same as --format json'
complete -c redlock -n '__redlock_using acquire' -l while-pid -x -a '(__fish_complete_pids)' -d 'Extend until this process ends'
complete -c redlock -n '__redlock_using acquire' -l lost-signal -x -a 'TERM INT HUP USR1 USR2' -d 'What the process gets'
complete -c redlock -n '__redlock_using run acquire extend release status break' -a '(__redlock_names)' -d Lock

complete -c redlock -n '__redlock_using sandbox' -s n -l nodes -x -a '3 5 7' -d 'How many servers'
complete -c redlock -n '__redlock_using sandbox' -l unix -d 'On unix sockets instead of loopback ports'
complete -c redlock -n '__redlock_using sandbox' -l tls -d 'With TLS, and a CA that is thrown away'
complete -c redlock -n '__redlock_using sandbox' -l acl -d 'For one user only, with the least rights'

complete -c redlock -n '__redlock_using status' -l watch -d 'Look every second'
complete -c redlock -n '__redlock_using break' -s y -l yes -d 'Do not ask'
complete -c redlock -n '__redlock_using status list break' -l key-prefix -x -d 'In front of the name in Redis'
complete -c redlock -n '__redlock_using status list break nodes' -l json -d 'As JSON'
complete -c redlock -n '__redlock_using status list break nodes' -l node-timeout -x -a '100ms 500ms 1s' -d 'What a node may take to answer'
complete -c redlock -n '__redlock_using status list break nodes' -l restart-quarantine -x -a '0s 30s 5m' -d 'No vote after a restart'
complete -c redlock -n '__redlock_using status list break nodes' -s c -l config -r -F -d 'Configuration file'
complete -c redlock -n '__redlock_using status list break nodes' -l node -x -a 'redis:// rediss:// unix:///' -d 'A Redis server'
