#pragma once

#include <span>
#include <string>
#include <string_view>

namespace redlock::config {

// What to say behind "unknown key 'retry-dealy'; ": "did you mean 'retry_delay'?" when one of `known` is
// close (case and '-' for '_' count as nothing, a swapped pair as one slip), else "known: a, b, c".
std::string suggestion(std::string_view word, std::span<const std::string_view> known);

}  // namespace redlock::config
