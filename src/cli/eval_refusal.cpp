#include "cli/eval_refusal.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace redlock::cli {

bool prints_for_eval(std::span<const std::string> args) {
  const auto end = std::find(args.begin(), args.end(), "--");
  if (std::find(args.begin(), end, "acquire") == end) return false;
  for (auto arg = args.begin(); arg != end; ++arg) {
    if (*arg == "--format=shell") return true;
    if (*arg == "--format" && arg + 1 != end && *(arg + 1) == "shell") return true;
  }
  return false;
}

// `unset` of what is not set is no error, and a subshell's exit leaves the shell itself alone unless it has `set -e`
// (POSIX shell, 2.8.1 and 2.14).
void refuse_eval(int status) noexcept {
  constexpr int kPatience = 1000;  // milliseconds: a pipe that is full may never be read
  std::array<char, 80> text;
  const auto end = fmt::format_to_n(text.data(), text.size(),
                                    "unset REDLOCK_NAME REDLOCK_TOKEN REDLOCK_FENCE; (exit {})\n",
                                    static_cast<std::uint8_t>(status));
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&out, 1, kPatience) != 1 || (out.revents & POLLERR) != 0) return;
  // Where it cannot be written there is nobody left to be told.
  [[maybe_unused]] const ssize_t written =
      write(STDOUT_FILENO, text.data(), static_cast<std::size_t>(end.out - text.data()));
}

}  // namespace redlock::cli
