#pragma once

#include <optional>
#include <string_view>

namespace redlock::process {

// A signal as kill(1) takes it: "TERM", "SIGTERM", "term" or "15". Nothing when there is none of that name or number.
std::optional<int> parse_signal(std::string_view text);

}  // namespace redlock::process
