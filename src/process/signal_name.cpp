#include "process/signal_name.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstring>
#include <string>

namespace redlock::process {

std::optional<int> parse_signal(std::string_view text) {
  if (const auto number = parse_number<int>(text))
    return *number > 0 && *number < NSIG ? number : std::nullopt;
  std::string name{text};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int number = 1; number < NSIG; ++number) {
    const char* const abbreviation = sigabbrev_np(number);
    if (abbreviation != nullptr && name == abbreviation) return number;
  }
  return std::nullopt;
}

std::string signal_name(int signal) {
  const char* const abbreviation = sigabbrev_np(signal);
  return abbreviation != nullptr ? abbreviation : "signal " + std::to_string(signal);
}

}  // namespace redlock::process
