#include "process/command.hpp"

#include "base/error.hpp"
#include "process/descriptors.hpp"
#include "process/foreground.hpp"
#include "process/guard.hpp"
#include "process/kinship.hpp"
#include "process/supervisor.hpp"

#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace redlock::process {
namespace {

UniqueFd open_child_events() {
  sigset_t child{};
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  UniqueFd fd{signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!fd) throw SystemError{"cannot watch for the end of the command", errno};
  return fd;
}

bool has_ended(pid_t child) noexcept {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

}  // namespace

Command::Command(CommandSpec spec, Leash& leash, SignalGate& signals)
    : spec_{std::move(spec)},
      leash_{leash},
      signals_{signals},
      late_{spec_.late},
      plan_{spec_.argv, spec_.environment, late_},
      lists_{open_child_lists()},
      child_events_{open_child_events()} {
}

void Command::fork_ahead() {
  if (guard_ || receives_orphans() || !present_children().empty()) return;
  auto foreign = own_descriptors();
  if (!foreign) return;  // it would keep connections open that this process closes
  try {
    fork_guard(true, std::move(*foreign));
  } catch (const SystemError&) {  // run() will say so, if it still holds then
  }
}

// Returns whether there is one; else errno says why.
bool Command::fork_guard(bool ahead, std::vector<int> foreign) {
  channel_ = open_channel();
  const auto is_the_guards = [this](int fd) {
    return fd == guard_timer_.fd() || fd == child_events_.get() || fd == leash_.lost_event() ||
           fd == start_failure_.fd();
  };
  std::erase_if(foreign, is_the_guards);
  const pid_t guard = fork();
  if (guard == 0) {
    channel_.redlock.close();
    run_guard({.plan = plan_,
               .gate = signals_,
               .leash = leash_,
               .channel = channel_.guard,
               .timer = guard_timer_,
               .child_events = child_events_.get(),
               .start_failure = start_failure_,
               .stop_when_lost = spec_.stop_when_lost,
               .ahead = ahead,
               .foreign = foreign});
  }
  if (guard < 0) return false;
  channel_.guard.close();
  guard_ = OwnedChild{guard};
  return true;
}

// Whoever stopped the whole job while it waited (`kill -STOP -PGID`) may have had only redlock continued.
bool Command::start_guard_that_waits() noexcept {
  if (!guard_ || has_ended(guard_.pid())) return false;
  channel_.redlock.send({.kind = Message::Kind::Start});
  kill(guard_.pid(), SIGCONT);
  return true;
}

Outcome Command::run(const std::function<void()>& lasting, const std::function<void()>& ended) {
  if (BootClock::now() >= leash_.term_at()) return {.ending = too_late(), .lease_lost = true};
  std::vector<pid_t> strangers;
  const Subreaper subreaper;
  Foreground foreground;
  const bool guard_is_new = !start_guard_that_waits();
  if (guard_is_new) {
    guard_ = {};
    strangers = present_children();
    if (!fork_guard(false, {})) return {.ending = fork_refused(errno)};
  }
  return supervise({.plan = plan_,
                    .leash = leash_,
                    .signals = signals_,
                    .channel = channel_.redlock,
                    .timer = own_timer_,
                    .lists = lists_,
                    .strangers = strangers,
                    .stop_when_lost = spec_.stop_when_lost,
                    .until_all_ended = spec_.until_all_ended,
                    .guard_is_new = guard_is_new,
                    .foreground = foreground,
                    .lasting = lasting,
                    .ended = ended},
                   std::move(guard_));
}

}  // namespace redlock::process
