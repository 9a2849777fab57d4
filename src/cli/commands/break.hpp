#pragma once

#include "cli/args/invocation.hpp"

namespace redlock::cli {

// `redlock break`: takes a lock away from whoever holds it. Returns the exit status.
int break_lock(const BreakOptions& options, ColorWish color);

}  // namespace redlock::cli
