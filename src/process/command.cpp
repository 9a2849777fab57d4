#include "process/command.hpp"

#include "base/error.hpp"
#include "process/foreground.hpp"
#include "process/guard.hpp"
#include "process/kinship.hpp"
#include "process/supervisor.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

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

}  // namespace

Command::Command(CommandSpec spec, Leash& leash, SignalFd& signals)
    : spec_{std::move(spec)},
      leash_{leash},
      signals_{signals},
      plan_{spec_.argv, spec_.environment},
      lists_{open_child_lists()},
      child_events_{open_child_events()} {
}

// Does not return in the guard. -1 and errno where the kernel refuses.
pid_t Command::fork_guard(ChannelPair& channel) {
  const pid_t guard = fork();
  if (guard != 0) return guard;
  channel.redlock.close();
  run_guard({.plan = plan_,
             .signals = signals_,
             .leash = leash_,
             .channel = channel.guard,
             .timer = guard_timer_,
             .child_events = child_events_.get(),
             .start_failure = start_failure_,
             .stop_when_lost = spec_.stop_when_lost});
}

CommandResult Command::run(const std::function<void()>& on_long_run, const std::function<void()>& ended) {
  if (leash_.term_is_due()) return {.exit_reason = too_late(), .lease_lost = true};
  const std::vector<pid_t> foreign_children = present_children();
  const Subreaper subreaper;
  Foreground foreground;
  ChannelPair channel = open_channel();
  OwnedChild guard{fork_guard(channel)};
  if (!guard) return {.exit_reason = fork_refused(errno)};
  channel.guard.close();
  return supervise({.plan = plan_,
                    .leash = leash_,
                    .signals = signals_,
                    .channel = channel.redlock,
                    .timer = own_timer_,
                    .lists = lists_,
                    .foreign_children = foreign_children,
                    .stop_when_lost = spec_.stop_when_lost,
                    .until_all_ended = spec_.until_all_ended,
                    .foreground = foreground,
                    .on_long_run = on_long_run,
                    .ended = ended},
                   std::move(guard));
}

}  // namespace redlock::process
