#pragma once

#include "keyspace.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/lease.hpp"

#include <string>

namespace redlock::sim {

// Words for the trace. A token is cut to its first six digits.
std::string describe(const quorum::Token& token);
std::string describe(const Names& names);  // "ac": the first and the third
std::string describe(const Command& command);
std::string describe(const quorum::Reply& reply);
std::string describe(const quorum::AcquireVerdict& verdict);
std::string describe(const quorum::Loss& loss);

// Milliseconds with three decimals.
std::string describe(Duration duration);

}  // namespace redlock::sim
