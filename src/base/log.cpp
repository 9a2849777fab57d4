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

// write(2) raises a signal when a pipe has no reader (EPIPE) or a file may not grow (EFBIG, RLIMIT_FSIZE). Keeps a signal that
// this message raises from ending redlock, whatever its disposition is.
void write_without_signal(int fd, const std::string& line) noexcept {
  const sigset_t raised = signal_set({SIGPIPE, SIGXFSZ});
  sigset_t found{};
  sigset_t pending{};
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &raised, &found);
  if (::write(fd, line.data(), line.size()) < 0 && (errno == EPIPE || errno == EFBIG)) {
    const int signal = errno == EPIPE ? SIGPIPE : SIGXFSZ;
    const sigset_t only = signal_set({signal});
    const timespec at_once{};
    const bool is_ours = sigismember(&pending, signal) == 0;
    while (is_ours && sigtimedwait(&only, nullptr, &at_once) < 0 && errno == EINTR) continue;
  }
  pthread_sigmask(SIG_SETMASK, &found, nullptr);
}

// Drops text that `fd` cannot take now: a pipe that is full or a terminal that is held (Ctrl-S) must not delay an extension.
void write_if_ready(int fd, const std::string& text) noexcept {
  pollfd target{.fd = fd, .events = POLLOUT, .revents = 0};
  if (poll(&target, 1, 0) == 1 && (target.revents & POLLOUT) != 0) write_without_signal(fd, text);
}

void write_line(Level level, std::string_view prefix, std::string_view message) noexcept {
  if (!enabled(level)) return;
  try {
    std::string line{overlay.load() >= 0 ? kWipeLine : ""};
    line.append("redlock: ").append(prefix).append(message).push_back('\n');
    write_if_ready(STDERR_FILENO, line);
  } catch (...) {  // out of memory: only the message is lost
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
  if (before >= 0) write_if_ready(before, std::string{kWipeLine});
}

void draw_overlay(std::string_view line) noexcept {
  const int fd = overlay.load();
  if (fd < 0) return;
  try {
    write_if_ready(fd, std::string{kWipeLine}.append(line));
  } catch (...) {
    return;
  }
}

}  // namespace redlock::log
