#pragma once

#include "cli/args/options.hpp"

namespace redlock::cli {

// `redlock acquire --while-pid`: a background process acquires the lock, extends it while the named process lives, and then
// releases it. Its starter prints the token. Returns the exit status, in both processes.
int acquire_while_pid(const Arguments& arguments);

}  // namespace redlock::cli
