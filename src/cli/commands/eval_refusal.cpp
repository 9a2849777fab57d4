#include "cli/commands/eval_refusal.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>

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

// `unset` of an unset variable is no error, and the exit of a subshell does not end the shell unless it has `set -e` (POSIX
// shell, 2.8.1 and 2.14).
void refuse_eval(int status) {
  const std::string text =
      fmt::format("unset REDLOCK_NAME REDLOCK_TOKEN REDLOCK_FENCE REDLOCK_SLOT; (exit {})\n", status);
  constexpr int limit_ms = 1000;  // nobody may ever read a full pipe
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&out, 1, limit_ms) != 1 || (out.revents & POLLERR) != 0) return;
  // If the write fails, there is no reader to report it to.
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
}

}  // namespace redlock::cli
