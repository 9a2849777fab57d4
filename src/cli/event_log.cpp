#include "cli/event_log.hpp"

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "cli/describe_holder.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostQueued = 1024;  // lines
constexpr auto kLastWords = 1s;
constexpr std::string_view kDescriptor = "fd:";

UniqueFd duplicate(const std::string& target) {
  const std::string_view digits = std::string_view{target}.substr(kDescriptor.size());
  const int fd = parse_number<int>(digits).value_or(-1);
  if (fd < 0) {
    throw UsageError{fmt::format("--events: {} is no descriptor; write one like fd:3", quoted(target, 64))};
  }
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
    throw UsageError{
        fmt::format("--events: descriptor {} is not open for writing; redirect it: {}>FILE", fd, fd)};
  }
  UniqueFd copy{fcntl(fd, F_DUPFD_CLOEXEC, 3)};
  if (!copy) throw SystemError{fmt::format("cannot write events to descriptor {}", fd), errno};
  return copy;
}

UniqueFd open_target(const std::string& target) {
  if (target.empty()) throw UsageError{"--events: the file has no name; write a FILE or fd:N"};
  if (target.starts_with(kDescriptor)) return duplicate(target);
  UniqueFd file{
      open(target.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600)};
  if (!file) throw SystemError{fmt::format("cannot open the file of --events {}", quoted(target)), errno};
  return file;
}

}  // namespace

// Shared with the thread, which ends with the program.
struct EventLog::Writer {
  std::string target;  // for messages
  UniqueFd fd;
  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by `mutex`:
  std::deque<std::string> queue;
  std::uint64_t dropped = 0;
  bool started = false;
  bool writing = false;

  // The thread's own:
  bool broken_line = false;
  bool warned = false;

  void run();
  bool put(std::string_view line);
};

void EventLog::Writer::run() {
  std::unique_lock lock{mutex};
  for (;;) {
    changed.wait(lock, [&] { return !queue.empty(); });
    const std::string line = std::move(queue.front());
    queue.pop_front();
    writing = true;
    lock.unlock();
    const bool written = put(line);
    lock.lock();
    writing = false;
    if (!written) ++dropped;
    changed.notify_all();
  }
}

// Writes all of the line, or warns once that it cannot. Ends a line that broke off, so that the next one stands alone.
bool EventLog::Writer::put(std::string_view line) {
  static constexpr std::string_view newline = "\n";
  const auto write_all = [this](std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::write(fd.get(), text.data(), text.size());
      if (count >= 0) {
        text.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        pollfd target_fd{.fd = fd.get(), .events = POLLOUT, .revents = 0};
        poll(&target_fd, 1, -1);
      } else if (errno != EINTR) {
        return false;
      }
    }
    return true;
  };
  if (broken_line && write_all(newline)) broken_line = false;
  if (!broken_line && write_all(line)) {
    warned = false;
    return true;
  }
  const int error = errno;
  broken_line = true;
  if (!std::exchange(warned, true)) {
    log::warning(
        fmt::format("cannot write events to {}: {}: events are lost", quoted(target), errno_text(error)));
  }
  return false;
}

EventLog::EventLog(const std::optional<std::string>& target) {
  if (!target) return;
  shared_ = std::make_shared<Writer>();
  shared_->target = *target;
  shared_->fd = open_target(*target);
}

int EventLog::fd() const noexcept {
  return shared_ ? shared_->fd.get() : -1;
}

void EventLog::flush() noexcept {
  if (!shared_) return;
  std::unique_lock lock{shared_->mutex};
  shared_->changed.wait_for(lock, kLastWords, [&] { return shared_->queue.empty() && !shared_->writing; });
}

void EventLog::write(std::string_view event, const std::string& name, std::optional<quorum::Fence> fence,
                     std::vector<Json::Member> members) noexcept {
  if (!shared_) return;
  try {
    Json line = Json::object({{"time", format_timestamp(read_clocks().wall_us)},
                              {"event", event},
                              {"name", name},
                              {"host", this_host()},
                              {"pid", std::int64_t{getpid()}}});
    if (fence) line.add("fence", *fence);
    for (Json::Member& member : members) line.add(std::move(member.first), std::move(member.second));
    const std::lock_guard lock{shared_->mutex};
    if (shared_->queue.size() >= kMostQueued) {
      ++shared_->dropped;
      return;
    }
    if (shared_->dropped > 0) line.add("dropped", std::exchange(shared_->dropped, 0));
    shared_->queue.push_back(line.dump() + "\n");
    if (!std::exchange(shared_->started, true)) {
      std::thread{[shared = shared_] { shared->run(); }}.detach();
    }
    shared_->changed.notify_all();
  } catch (const std::exception&) {  // without memory or a thread the event is lost; the lock is not
    return;
  }
}

}  // namespace redlock::cli
