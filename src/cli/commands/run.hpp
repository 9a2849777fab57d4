#pragma once

#include "cli/args/invocation.hpp"

namespace redlock::cli {

// `redlock run`: acquire, run the command while the lease is extended, release. Returns the exit status.
int run(const RunOptions& options);

}  // namespace redlock::cli
