#pragma once

#include "cli/args/invocation.hpp"

namespace redlock::cli {

// `redlock acquire`: prints the token of a lock that from then on is the caller's to extend and to release; with
// --while-pid, a background process does both. Returns the exit status.
int acquire(const AcquireOptions& options);

}  // namespace redlock::cli
