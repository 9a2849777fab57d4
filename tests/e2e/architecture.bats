#!/usr/bin/env bats
# The architecture of DESIGN section 5, as far as #include can show it; and that the check sees what it should.

setup() {
  check=$BATS_TEST_DIRNAME/lib/include-direction
  tree=$BATS_TEST_TMPDIR/src
  mkdir -p "$tree"/{cli,lock,config,process,sandbox,redis,net,quorum,base}
  echo '#include "base/fd.hpp"' > "$tree/cli/good.cpp"
}

# Writes line $2 into file $1 of the tree, and expects one violation there that says $3.
refuses() {
  echo "$2" > "$tree/$1"
  run "$check" "$tree"
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ ${lines[0]} == "$1:1: "*"$3"* ]]
  rm "$tree/$1"
}

accepts() {
  echo "$2" > "$tree/$1"
  run "$check" "$tree"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "includes in src run one way" {
  run "$check" "$BATS_TEST_DIRNAME/../../src"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "an include against the direction is a violation" {
  refuses base/a.cpp '#include "quorum/types.hpp"' 'base may include: only itself'
  refuses quorum/a.cpp '#include "redis/link.hpp"' 'quorum may include'
  refuses process/a.hpp '#include "lock/session.hpp"' 'process may include'
  refuses lock/a.cpp '#include "cli/run.hpp"' 'lock may include'
  refuses redis/a.cpp '#include "quorum/lease.hpp"' 'redis may include'
  refuses net/a.cpp '#include "quorum/types.hpp"' 'net may include: base'
  refuses net/a.cpp '#include "redis/wire.hpp"' 'net may include: base'
  refuses config/a.cpp '# include "../base/fd.hpp"' 'path from src/'
  refuses main.cpp '#include "lock/session.hpp"' 'may include: cli base'
}

@test "an include with the direction is none" {
  accepts redis/a.cpp '#include "quorum/types.hpp"'
  accepts lock/a.cpp '#include "redis/nodes.hpp"'
  accepts sandbox/a.cpp '#include "process/executable.hpp"'
  accepts sandbox/a.cpp '#include <openssl/x509.h>'
  accepts redis/a.cpp '#include "net/stream.hpp"'
  accepts net/a.cpp '#include <openssl/ssl.h>'
  accepts main.cpp '#include "cli/program.hpp"'
}

@test "a library outside its folder is a violation" {
  refuses lock/a.cpp '#include <hiredis/hiredis.h>' 'hiredis is for redis only'
  refuses redis/a.cpp '#include <openssl/ssl.h>' 'openssl is for net sandbox only'
  refuses net/a.cpp '#include <hiredis/hiredis.h>' 'hiredis is for redis only'
  refuses cli/a.cpp '#include <openssl/ssl.h>' 'openssl is for net sandbox only'
  refuses config/a.cpp '#include <CLI/App.hpp>' 'CLI is for cli only'
  refuses cli/a.cpp '#include <toml++/toml.h>' 'toml++ is for config only'
}

@test "a heavy header in two files is a violation" {
  accepts cli/a.cpp $'#include <CLI/App.hpp>\n#include <CLI/Config.hpp>'
  refuses cli/b.cpp '#include <CLI/App.hpp>' 'cli/a.cpp includes it already'
}

@test "input, output or a clock in the algorithm is a violation" {
  refuses quorum/a.cpp '#include <sys/socket.h>' 'free of input and output'
  refuses quorum/a.cpp '#include <cstdlib>' 'free of input and output'
  refuses quorum/a.cpp '#include <fmt/format.h>' 'free of input and output'
}

@test "nothing below cli takes a clock, random numbers or a network that it was not handed" {
  run grep -rnE 'BootClock::now|read_clocks|clock_gettime|getrandom|System(Clock|Entropy|Network)|[^a-z_.>]p?poll\([^2]' \
    "$BATS_TEST_DIRNAME"/../../src/{lock,redis,net} --include='*.cpp' --exclude='system_network.cpp'
  echo "$output"
  [ "$status" -eq 1 ]
  run grep -rnE 'BootClock::now|read_clocks|System(Clock|Entropy|Network)' "$BATS_TEST_DIRNAME"/../../src/sandbox
  echo "$output"
  [ "$status" -eq 1 ]
}

@test "a folder that the architecture does not know is a violation" {
  mkdir "$tree/util"
  refuses util/a.cpp '// nothing' 'has no place in the architecture'
}

@test "whether a set of nodes is a quorum is asked of Membership alone" {
  cd "$BATS_TEST_DIRNAME/../../src"
  # The number is for messages: the algorithm does not know it, and nobody compares with it.
  run grep -rnE 'votes_needed|/ 2 \+ 1' quorum --include='*.[ch]pp'
  others=$(grep -vE '^quorum/membership' <<< "$output" || true)
  echo "$others"
  [[ $output == *quorum/membership.hpp:*votes_needed* ]]
  [ -z "$others" ]
  run grep -rnE '([<>]|[<>=!]=|-) *[a-z_:]*votes_needed\(|votes_needed\([^;]*\) *([<>]|[=!]=|-)' cli lock redis
  echo "$output"
  [ "$status" -eq 1 ]
}

@test "no type name is given twice" {
  run "$BATS_TEST_DIRNAME/lib/type-names" "$BATS_TEST_DIRNAME/../../src"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "a type name that is given twice is seen, in whatever room and class" {
  check=$BATS_TEST_DIRNAME/lib/type-names
  printf '%s\n' 'class Vote {' '  enum class Step { One, Two };' '};' 'class Later;' > "$tree/lock/a.hpp"
  accepts redis/a.cpp $'using Step = Vote::Step;\nclass Later;\nenum class Kind { A };'
  for twice in 'struct Vote {' '  enum class Step : int {' 'struct Other::Step {' 'using Vote = int;' 'class Step final : Vote {' 'struct Vote {};'; do
    refuses redis/a.cpp "$twice" 'is given already: lock/a.hpp'
  done
}
