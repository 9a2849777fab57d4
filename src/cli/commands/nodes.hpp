#pragma once

#include "cli/args/invocation.hpp"

namespace redlock::cli {

// `redlock nodes`: what each node is like, and whether they are fit for locks. Returns the exit status.
int nodes(const NodesOptions& options, ColorWish color);

}  // namespace redlock::cli
