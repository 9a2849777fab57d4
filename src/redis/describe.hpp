#pragma once

#include "quorum/types.hpp"
#include "redis/endpoint.hpp"

#include <string>

namespace redlock::redis {

// Why a node gave no answer, and what to do about it: one line for a person, without the node's name, in
// lower case and without a full stop at its end. "connection refused: is redis-server running there?"
std::string describe(const quorum::Failure& failure, const NodeEndpoint& endpoint);

}  // namespace redlock::redis
