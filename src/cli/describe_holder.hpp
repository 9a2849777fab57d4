#pragma once

#include "quorum/types.hpp"

#include <sys/types.h>

#include <string>

namespace redlock::cli {

// What the nodes write down about us: host, user, pid, the command's name and the time. Arguments are left
// out, because they may hold secrets and everybody who can read Redis could read them.
quorum::HolderInfo describe_self(const std::string& command);

// The same of the process on whose behalf we act: its own name is the command's.
quorum::HolderInfo describe_process(pid_t pid);

}  // namespace redlock::cli
