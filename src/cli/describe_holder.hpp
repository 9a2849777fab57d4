#pragma once

#include "quorum/types.hpp"

#include <sys/types.h>

#include <string>

namespace redlock::cli {

// The name of this host, as hostname(1) has it.
std::string this_host();

// The description of this process for the nodes: host, user, pid, name of the command, and time. It has no arguments,
// because they may contain secrets and everybody with access to Redis can read it.
quorum::HolderInfo describe_self(const std::string& command);

// The same for another process, on whose behalf this one acts. The command is its own name.
quorum::HolderInfo describe_process(pid_t pid);

}  // namespace redlock::cli
