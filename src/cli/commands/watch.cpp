#include "cli/commands/watch.hpp"

#include "base/error.hpp"
#include "base/timestamp.hpp"
#include "cli/terminal/output.hpp"
#include "cli/terminal/screen.hpp"
#include "process/signal_fd.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace redlock::cli {
namespace {

constexpr std::chrono::milliseconds kPeriod{1000};

// The part of a lock's status whose change is news. The time that is left of a lease is not.
struct Snapshot {
  lock::LockState state;
  std::vector<std::pair<quorum::Token, std::size_t>> votes;
  bool rests;
  bool kept;
  bool operator==(const Snapshot&) const = default;
};

Snapshot snapshot_of(const lock::LockStatus& status) {
  const lock::Contender* holder = status.holder();
  Snapshot snapshot{.state = status.state,
                    .votes = {},
                    .rests = holder != nullptr && holder->info.resting,
                    .kept = status.kept_for.has_value()};
  for (const lock::Contender& contender : status.contenders)
    snapshot.votes.emplace_back(contender.token, contender.votes());
  return snapshot;
}

// Shows the locks after each inspection.
class Display {
 public:
  Display(const lock::Inspector& inspector, const Arguments& arguments)
      : inspector_{inspector},
        json_{arguments.json},
        in_place_{!arguments.json && is_terminal(STDOUT_FILENO) && can_move_cursor()},
        palette_{output_palette(arguments.color)} {}

  void update(const std::vector<StatusView>& views) {
    if (in_place_) {
      last_ = show(views, inspector_, palette_, output_width());
      screen_.draw(last_);
    } else {
      report_changes(views);
    }
  }

  // Restores the terminal before redlock ends or is stopped, and prints the last status below.
  void leave() {
    screen_.leave();
    print(std::exchange(last_, {}));
  }

 private:
  static bool can_move_cursor() {
    const char* terminal = std::getenv("TERM");
    return terminal != nullptr && *terminal != '\0' && std::string_view{terminal} != "dumb";
  }

  void report_changes(const std::vector<StatusView>& views) {
    const std::uint64_t now_us = read_clocks().wall_us;
    std::string text;
    reported_.resize(views.size());
    bool changed = false;
    for (std::size_t i = 0; i < views.size(); ++i) {
      Snapshot snapshot = snapshot_of(views[i].status);
      if (reported_[i] == snapshot) continue;
      reported_[i] = std::move(snapshot);
      changed = true;
      const lock::LockStatus& status = views[i].status;
      text += fmt::format("{} {}", format_timestamp(now_us),
                          summarize(views[i].name, status, inspector_.membership(), now_us));
      if (!status.contenders.empty()) {
        text += fmt::format(" ({} of {} votes)", status.contenders.front().votes(), inspector_.size());
      }
      text += "\n";
    }
    if (changed) print(json_ ? to_json(views, inspector_).dump() + "\n" : text);
  }

  const lock::Inspector& inspector_;
  bool json_;
  bool in_place_;
  const Palette& palette_;
  Screen screen_;
  std::vector<std::string> last_;
  std::vector<std::optional<Snapshot>> reported_;
};

void sleep_until(TimePoint until, int wake_fd) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - BootClock::now());
  pollfd wanted{.fd = wake_fd, .events = POLLIN, .revents = 0};
  if (left.count() > 0) ::poll(&wanted, 1, static_cast<int>(left.count()));
}

}  // namespace

void watch(lock::Inspector& inspector, const LockNames& locks, const Arguments& arguments) {
  process::SignalFd signals;
  const int wake_fds[] = {signals.fd()};
  Display display{inspector, arguments};
  try {
    for (;;) {
      const TimePoint next = BootClock::now() + kPeriod;
      if (const auto views = inspect_locks(inspector, locks, wake_fds)) {
        display.update(*views);
        sleep_until(next, signals.fd());
      }
      pollfd pending{.fd = signals.fd(), .events = POLLIN, .revents = 0};
      if (::poll(&pending, 1, 0) != 1) continue;
      display.leave();  // the signal may stop or end redlock
      if (const auto fatal = process::take_fatal_signal(signals)) signals.die_of(*fatal);
    }
  } catch (const SystemError&) {
    // The reader of a pipe is gone: end as any program that writes to a pipe does.
    pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
    if (::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0) signals.die_of(SIGPIPE);
    throw;
  }
}

}  // namespace redlock::cli
