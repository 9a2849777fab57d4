#include "process/command.hpp"

#include "base/error.hpp"
#include "base/signal_set.hpp"
#include "process/foreground.hpp"
#include "process/guard.hpp"
#include "process/supervisor.hpp"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace redlock::process {
namespace {

UniqueFd open_child_events() {
  const sigset_t child = signal_set({SIGCHLD});
  UniqueFd fd{signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!fd) throw SystemError{"cannot watch for the end of the command", errno};
  return fd;
}

// Makes this process the subreaper of its descendants (prctl(2)) while it lives.
class Subreaper {
 public:
  Subreaper() noexcept {
    prctl(PR_GET_CHILD_SUBREAPER, &found_);
    if (found_ == 0) prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  Subreaper(const Subreaper&) = delete;
  Subreaper& operator=(const Subreaper&) = delete;
  ~Subreaper() {
    if (found_ == 0) prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

 private:
  int found_ = 0;
};

}  // namespace

CommandResult run_command(const CommandSpec& spec, ChildLists lists, const CommandContext& context,
                          const CommandHooks& hooks) {
  const ExecPlan plan{spec.argv, spec.environment};
  ChannelPair channel = open_channel();
  Timer guard_timer;
  Timer timer;
  const UniqueFd child_events = open_child_events();
  const std::vector<pid_t> foreign_children = existing_children(lists);
  const Subreaper subreaper;
  Foreground foreground;
  if (context.leash.term_is_due(context.clock.boot_now()))
    return {.exit_reason = too_late(), .lease_lost = true};

  const pid_t pid = fork();
  if (pid < 0) return {.exit_reason = fork_refused(errno)};
  if (pid == 0) {
    channel.redlock.close();
    run_guard(
        {.spawn = {.plan = plan, .leash = context.leash, .signals = context.signals, .clock = context.clock},
         .channel = channel.guard,
         .timer = guard_timer,
         .child_events = child_events.get(),
         .stop_when_lost = spec.stop_when_lost});
  }
  OwnedChild guard{pid};
  channel.guard.close();
  return supervise({.spec = spec,
                    .plan = plan,
                    .context = context,
                    .hooks = hooks,
                    .channel = channel.redlock,
                    .timer = timer,
                    .lists = lists,
                    .foreign_children = foreign_children,
                    .foreground = foreground},
                   std::move(guard));
}

}  // namespace redlock::process
