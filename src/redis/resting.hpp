#pragma once

#include "quorum/types.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace redlock::redis {

// What the field `resting` of a holder's info says: the exit status of the command, and nothing where the lock is held.
// `length`: of the whole rest; `remaining`: of the key. Without them it is not known how long the lock has been resting.
std::optional<quorum::Resting> decode_resting(std::string_view status, std::chrono::milliseconds length = {},
                                              std::chrono::milliseconds remaining = std::chrono::milliseconds{
                                                  -1});

}  // namespace redlock::redis
