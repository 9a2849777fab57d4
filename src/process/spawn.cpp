#include "process/spawn.hpp"

#include "base/error.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

namespace redlock::process {
namespace {

[[noreturn]] void become_command(const SpawnContext& context, pid_t parent) noexcept {
  // A parent that died before prctl(2) sends no signal any more.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(exit_status::kSystem);
  context.signals.restore_in_child();
  context.leash.set_exec_failure(context.plan.exec(context.leash, context.clock));
  _exit(exit_status::kNotFound);
}

}  // namespace

pid_t spawn(const SpawnContext& context) noexcept {
  // vfork(2) would block this process, which has to watch the deadline, until the exec. _Fork(3) takes no locks.
  const pid_t self = getpid();
  const pid_t pid = _Fork();
  if (pid == 0) become_command(context, self);
  return pid;
}

}  // namespace redlock::process
