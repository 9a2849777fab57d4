#pragma once

#include "cli/args/invocation.hpp"

namespace redlock::cli {

// `redlock sandbox`: runs the command with throw-away nodes in its environment. Returns the exit status.
int sandbox(const SandboxOptions& options);

}  // namespace redlock::cli
