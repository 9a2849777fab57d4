#pragma once

#include "cli/args/invocation.hpp"

namespace redlock::cli {

// `redlock status`: who holds each lock. Returns the exit status: 0 all held, 1 some are not, 69 of some it cannot be
// told.
int status(const StatusOptions& options, ColorWish color);

}  // namespace redlock::cli
