#include "base/log.hpp"

#include "base/signal_set.hpp"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <span>

namespace redlock::log {
namespace {

std::atomic<Level> threshold{Level::Notice};
std::atomic<int> overlay{-1};

constexpr std::string_view kWipeLine = "\r\x1b[K";  // ECMA-48: to the first column, erase to the right

// write(2) raises a signal when a pipe has no reader (EPIPE) or a file may not grow (EFBIG, RLIMIT_FSIZE). Keeps a signal that
// this message raises from ending redlock, whatever its disposition is.
void write_without_signal(int fd, std::span<const iovec> parts) noexcept {
  const sigset_t raised = signal_set({SIGPIPE, SIGXFSZ});
  sigset_t found{};
  sigset_t pending{};
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &raised, &found);
  if (writev(fd, parts.data(), static_cast<int>(parts.size())) < 0 && (errno == EPIPE || errno == EFBIG)) {
    const int signal = errno == EPIPE ? SIGPIPE : SIGXFSZ;
    const sigset_t only = signal_set({signal});
    const timespec at_once{};
    const bool is_ours = sigismember(&pending, signal) == 0;
    while (is_ours && sigtimedwait(&only, nullptr, &at_once) < 0 && errno == EINTR) continue;
  }
  pthread_sigmask(SIG_SETMASK, &found, nullptr);
}

// Drops text that `fd` cannot take now: a pipe that is full or a terminal that is held (Ctrl-S) must not delay an extension.
// One system call writes it all, without the heap.
template <class... Parts>
void write_if_ready(int fd, const Parts&... parts) noexcept {
  pollfd target{.fd = fd, .events = POLLOUT, .revents = 0};
  if (poll(&target, 1, 0) != 1 || (target.revents & POLLOUT) == 0) return;
  const iovec pieces[] = {{.iov_base = const_cast<char*>(parts.data()), .iov_len = parts.size()}...};
  write_without_signal(fd, pieces);
}

void write_line(Level level, std::string_view prefix, std::string_view message) noexcept {
  using namespace std::string_view_literals;
  if (!enabled(level)) return;
  write_if_ready(STDERR_FILENO, overlay.load() >= 0 ? kWipeLine : ""sv, "redlock: "sv, prefix, message,
                 "\n"sv);
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
void warning_in_any_case(std::string_view message) noexcept {
  write_line(Level::Error, "warning: ", message);
}
void notice(std::string_view message) noexcept {
  write_line(Level::Notice, "", message);
}
void example(std::string_view text) noexcept {
  if (enabled(Level::Notice)) write_if_ready(STDERR_FILENO, text);
}
void debug(std::string_view message) noexcept {
  write_line(Level::Debug, "", message);
}

void set_overlay(int fd) noexcept {
  const int before = overlay.exchange(fd);
  if (before >= 0) write_if_ready(before, kWipeLine);
}

void draw_overlay(std::string_view line) noexcept {
  const int fd = overlay.load();
  if (fd >= 0) write_if_ready(fd, kWipeLine, line);
}

}  // namespace redlock::log
