#pragma once

#include "net/connection_failure.hpp"
#include "quorum/types.hpp"

#include <string_view>

namespace redlock::redis {

// What an error reply means: its kind by a table, its text escaped in `detail`. `error` is the reply without
// '-'.
quorum::Failure classify(std::string_view error);

// The same failure in the words of the algorithm.
quorum::Failure failure_of(net::ConnectionFailure failure);

// Whether an error reply says that this user, or anyone, may not use the command at all.
bool refuses_command(std::string_view error);

}  // namespace redlock::redis
