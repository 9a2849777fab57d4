#pragma once

#include <span>
#include <string>
#include <string_view>

namespace redlock::config {

// The end of a message such as "unknown key 'retry-dealy'; ": "did you mean 'retry_delay'?" if one of `known` is close
// (case and '-' for '_' do not count, a swapped pair counts as one slip), else "known: a, b, c".
std::string suggestion(std::string_view word, std::span<const std::string_view> known);

}  // namespace redlock::config
