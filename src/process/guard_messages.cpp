#include "process/guard_messages.hpp"

#include "base/log.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace redlock::process {
namespace {

using Buffer = std::array<char, 512>;

template <class... Arguments>
std::string_view write(Buffer& buffer, fmt::format_string<const Arguments&...> text,
                       const Arguments&... arguments) {
  const auto end = fmt::format_to_n(buffer.data(), buffer.size(), text, arguments...).out;
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

}  // namespace

void tell_stuck_without_redlock(pid_t pid, bool refused) noexcept {
  Buffer buffer;
  if (refused) {
    log::warning(write(
        buffer,
        "redlock itself was killed, and process {} of its command belongs to another user and cannot be "
        "killed: it runs on. Another host can have the lock when the lease ends. End it as that user",
        pid));
  } else if (pid > 0) {
    log::warning(write(
        buffer,
        "redlock itself was killed: its guard is waiting for process {} of the command, which was killed "
        "and does not end: it is frozen, traced or waiting for a device",
        pid));
  }
}

void tell_end_without_redlock(int survivors, Duration late) noexcept {
  Buffer buffer;
  const auto late_ms = std::chrono::duration_cast<std::chrono::milliseconds>(late).count();
  if (survivors > 0) {
    log::error(write(
        buffer,
        "redlock itself was killed: the command was stopped, but for {} of its processes that belong to "
        "another user: they run on without the lock, stop them",
        survivors));
  } else if (late_ms > 0) {
    log::error(
        write(buffer,
              "redlock itself was killed: the last process of the command ended {} ms after the lease, and "
              "another host may have had the lock by then",
              late_ms));
  }
}

}  // namespace redlock::process
