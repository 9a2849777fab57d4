#include "cli/terminal/write_token.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "process/descriptors.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <vector>

namespace redlock::cli {
namespace {

// The clock of poll(2) stands still while the machine is suspended, so the deadline is checked again at this interval.
constexpr std::chrono::milliseconds kLongestWait{1000};

int wait_ms(TimePoint until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - BootClock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds{0}, kLongestWait).count());
}

}  // namespace

WriteResult write_token(std::string_view text, TimePoint until, std::span<const int> wake_fds,
                        const std::function<bool()>& interrupted) {
  std::size_t written = 0;
  while (written < text.size()) {
    std::vector<pollfd> wanted{{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0}};
    for (const int fd : wake_fds) wanted.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    if (poll(wanted.data(), wanted.size(), wait_ms(until)) < 0 && errno != EINTR) {
      throw SystemError{"cannot wait for standard output", errno};
    }
    const bool woken =
        std::any_of(wanted.begin() + 1, wanted.end(), [](const pollfd& wake) { return wake.revents != 0; });
    if (written == 0 && woken && interrupted()) return WriteResult::Interrupted;
    if (BootClock::now() >= until) return WriteResult::TooLate;
    if (wanted.front().revents == 0) continue;
    // This does not block: a writable pipe takes PIPE_BUF bytes at once, and the text is shorter.
    const ssize_t taken = write(STDOUT_FILENO, text.data() + written, text.size() - written);
    if (taken >= 0) {
      written += static_cast<std::size_t>(taken);
    } else if (errno != EINTR && errno != EAGAIN) {
      log::error(
          fmt::format("cannot write to standard output: {}: the lock is released again", errno_text(errno)));
      return WriteResult::Failed;
    }
  }
  return WriteResult::Done;
}

void require_standard_output() {
  if (!process::was_closed_at_start(STDOUT_FILENO)) return;
  throw Error{exit_status::kSystem,
              "standard output is closed: there is nowhere to write the token. Nothing was acquired"};
}

}  // namespace redlock::cli
