#include "process/spawn.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

namespace redlock::process {
namespace {

struct Start {
  const ExecPlan& plan;
  const Leash& leash;
  const SignalGate& gate;
  pid_t parent;
  Spawned spawned;
};

// Runs in the child, in memory that it borrows from the parent, which waits: what it leaves in `spawned` the
// parent reads.
int become_command(void* argument) noexcept {
  auto& start = *static_cast<Start*>(argument);
  // A guard that dies takes the command with it; one that died just before has left us to another parent.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != start.parent) return 0;
  start.gate.restore_in_child();
  start.spawned.too_late = BootClock::now() >= start.leash.term_at() || start.leash.stop_begun();
  if (!start.spawned.too_late) start.spawned.exec_failure = start.plan.exec();
  return 0;
}

}  // namespace

Spawned spawn(const ExecPlan& plan, const Leash& leash, const SignalGate& gate) noexcept {
  // As posix_spawn(3) does it: no page table is copied, and the error of the exec is simply there when the
  // parent goes on. The child has a stack of its own, since the parent's is in use.
  alignas(std::max_align_t) static char stack[64 * 1024];
  Start start{.plan = plan, .leash = leash, .gate = gate, .parent = getpid(), .spawned = {}};
  const pid_t pid = clone(become_command, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
  if (pid < 0) {
    start.spawned.fork_error = errno;
  } else {
    start.spawned.pid = pid;
  }
  return start.spawned;
}

}  // namespace redlock::process
