#pragma once

#include "quorum/types.hpp"
#include "redis/scripts.hpp"
#include "redis/wire.hpp"

#include <variant>

namespace redlock::redis {

// Reads what a node answered. An error reply becomes the failure that it names, anything else that is not the
// answer to such a request Failure::Garbled.
std::variant<quorum::Reply, quorum::Failure> decode(RequestKind kind, Value value);

}  // namespace redlock::redis
