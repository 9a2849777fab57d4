#pragma once

#include "cli/args/invocation.hpp"

namespace redlock::cli {

// `redlock list`: the locks that the nodes know. Returns the exit status.
int list(const ListOptions& options, ColorWish color);

}  // namespace redlock::cli
