#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace redlock::config {

// The one of `known` that `word` was most likely meant to be: case and '-' for '_' do not count, a swapped pair counts as one
// slip. None: they are all other words.
std::optional<std::string_view> closest(std::string_view word, std::span<const std::string_view> known);

// The end of a message such as "unknown key 'retry-dealy'; ": "did you mean 'retry_delay'?" if one of `known` is close,
// else "known: a, b, c".
std::string suggestion(std::string_view word, std::span<const std::string_view> known);

}  // namespace redlock::config
