#pragma once

#include "quorum/types.hpp"
#include "redis/scripts.hpp"
#include "redis/wire.hpp"

#include <optional>
#include <variant>

namespace redlock::redis {

// Reads what a node answered. An error reply becomes the failure that it names, anything else that is not the
// answer to such a request Failure::Garbled.
std::variant<quorum::Reply, quorum::Failure> decode(RequestKind kind, Value value);

// The failure in an answer {command, error}: so a script says which of its commands was refused. Nothing for other answers.
std::optional<quorum::Failure> refused_command(const Value& answer);

}  // namespace redlock::redis
