#include "base/log.hpp"

#include "base/signal_set.hpp"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <string>

namespace redlock::log {
namespace {

std::atomic<Level> threshold{Level::Notice};
std::atomic<int> overlay{-1};

constexpr std::string_view kWipeLine = "\r\x1b[K";  // ECMA-48: to the first column, erase to the right

// What write(2) raises beside its error: for a pipe that nobody reads any more, and for a file at its limit of size
// (RLIMIT_FSIZE).
struct WriteSignal {
  int error_number;
  int signal;
};
constexpr WriteSignal kWriteSignals[] = {{EPIPE, SIGPIPE}, {EFBIG, SIGXFSZ}};

// Writes, and keeps those signals, which would end redlock for a message, from being delivered, whatever their
// dispositions are; takes back the one that was raised.
void write_without_signal(int fd, const std::string& line) noexcept {
  const sigset_t raised = signal_set({SIGPIPE, SIGXFSZ});
  sigset_t found{};
  sigset_t pending{};
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &raised, &found);
  if (::write(fd, line.data(), line.size()) < 0) {
    const int error = errno;
    for (const auto& [error_number, signal] : kWriteSignals) {
      if (error != error_number || sigismember(&pending, signal) != 0) continue;
      const sigset_t only = signal_set({signal});
      const timespec at_once{};
      while (sigtimedwait(&only, nullptr, &at_once) < 0 && errno == EINTR) continue;
    }
  }
  pthread_sigmask(SIG_SETMASK, &found, nullptr);
}

// A pipe that nobody reads, or a terminal that is held (Ctrl-S), must not hold up an extension: what `fd` cannot take
// now is left out.
void write_if_it_can(int fd, const std::string& text) noexcept {
  pollfd target{.fd = fd, .events = POLLOUT, .revents = 0};
  if (poll(&target, 1, 0) == 1 && (target.revents & POLLOUT) != 0) write_without_signal(fd, text);
}

void write_line(Level level, std::string_view prefix, std::string_view message) noexcept {
  if (!enabled(level)) return;
  try {
    std::string line{overlay.load() >= 0 ? kWipeLine : ""};
    line.append("redlock: ").append(prefix).append(message).push_back('\n');
    write_if_it_can(STDERR_FILENO, line);
  } catch (...) {  // out of memory: the message is lost, the lock is not
    return;
  }
}

}  // namespace

void set_level(Level level) noexcept {
  threshold.store(level, std::memory_order_relaxed);
}
Level level() noexcept {
  return threshold.load(std::memory_order_relaxed);
}
bool enabled(Level level) noexcept {
  return level <= threshold.load(std::memory_order_relaxed);
}

void error(std::string_view message) noexcept {
  write_line(Level::Error, "", message);
}
void warning(std::string_view message) noexcept {
  write_line(Level::Warning, "warning: ", message);
}
void notice(std::string_view message) noexcept {
  write_line(Level::Notice, "", message);
}
void debug(std::string_view message) noexcept {
  write_line(Level::Debug, "", message);
}

void set_overlay(int fd) noexcept {
  const int before = overlay.exchange(fd);
  if (before >= 0) write_if_it_can(before, std::string{kWipeLine});
}

void draw_overlay(std::string_view line) noexcept {
  const int fd = overlay.load();
  if (fd < 0) return;
  try {
    write_if_it_can(fd, std::string{kWipeLine}.append(line));
  } catch (...) {
    return;
  }
}

}  // namespace redlock::log
