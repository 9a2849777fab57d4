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

// `unset` of what is not set is no error, and a subshell's exit leaves the shell itself alone unless it has `set -e`
// (POSIX shell, 2.8.1 and 2.14).
void refuse_eval(int status) {
  const std::string text = fmt::format("unset REDLOCK_NAME REDLOCK_TOKEN REDLOCK_FENCE; (exit {})\n", status);
  constexpr int patience = 1000;  // milliseconds: a pipe that is full may never be read
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&out, 1, patience) != 1 || (out.revents & POLLERR) != 0) return;
  // If it cannot be written, nobody is left to be told.
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
}

}  // namespace redlock::cli
