#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace redlock::process {

// Parses a signal as kill(1) does: "TERM", "SIGTERM", "term" or "15". Nothing if there is no such signal.
std::optional<int> parse_signal(std::string_view text);

// "TERM"; "signal 40" for one without a name.
std::string signal_name(int signal);

}  // namespace redlock::process
