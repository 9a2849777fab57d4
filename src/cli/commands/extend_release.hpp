#pragma once

#include "cli/args/invocation.hpp"

// A lock that `redlock acquire` took, in the hands of whoever knows its token.
namespace redlock::cli {

// `redlock extend`: gives the lease its whole TTL again. Returns the exit status: 0, 1 when it is ours no more, 69.
int extend(const ExtendOptions& options);

// `redlock release`: gives the lock back. Returns the exit status: 0, 1 when it was ours no more, 69.
int release(const ReleaseOptions& options);

}  // namespace redlock::cli
