#include "process/command.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "process/channel.hpp"
#include "process/guard.hpp"
#include "process/kinship.hpp"
#include "process/supervisor.hpp"
#include "process/timer.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

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

Outcome run(const CommandSpec& spec, Leash& leash, SignalGate& signals, const std::function<void()>& started,
            const std::function<void()>& ended) {
  if (BootClock::now() >= leash.term_at()) return {.ending = too_late(), .lease_lost = true};
  const ExecPlan plan{spec.argv, spec.environment};
  const std::vector<pid_t> strangers = present_children();
  const Subreaper subreaper;
  ChannelPair channel = open_channel();
  Timer guard_timer;
  Timer own_timer;
  const UniqueFd child_events = open_child_events();

  const pid_t guard = fork();
  if (guard == 0) {
    channel.redlock.close();
    run_guard({.plan = plan,
               .gate = signals,
               .leash = leash,
               .channel = channel.guard,
               .timer = guard_timer,
               .child_events = child_events.get(),
               .stop_when_lost = spec.stop_when_lost});
  }
  if (guard < 0) return {.ending = fork_refused(errno)};
  channel.guard.close();
  return supervise({.plan = plan,
                    .leash = leash,
                    .signals = signals,
                    .channel = channel.redlock,
                    .timer = own_timer,
                    .strangers = strangers,
                    .stop_when_lost = spec.stop_when_lost,
                    .ended = ended},
                   OwnedChild{guard}, started);
}

}  // namespace redlock::process
