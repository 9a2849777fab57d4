#pragma once

#include "cli/args/options.hpp"

namespace redlock::cli {

// `redlock acquire --while-pid`: a background process acquires the lock, extends it for as long as the process that was
// named lives, and then releases it; its starter prints the token. Returns the exit status, in both of them.
int acquire_while_pid(const Arguments& arguments);

}  // namespace redlock::cli
