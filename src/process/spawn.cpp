#include "process/spawn.hpp"

#include "base/error.hpp"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

namespace redlock::process {
namespace {

// A failure as the number that an eventfd holds, which is never 0: the candidate, whether it was too late, errno.
constexpr unsigned kCandidateShift = 32;
constexpr std::uint64_t kTooLate = std::uint64_t{1} << 31;

[[noreturn]] void become_command(const ExecPlan& plan, const Leash& leash, const SignalFd& signals,
                                 const StartFailure& failure, pid_t parent) noexcept {
  // A guard that dies takes the command with it; one that died just before has left us to another parent.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(exit_status::kSystem);
  signals.restore_in_child();
  failure.put(plan.exec(leash));
  _exit(exit_status::kNotFound);
}

}  // namespace

StartFailure::StartFailure() : fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (!fd_) throw SystemError{"cannot watch for the start of the command", errno};
}

void StartFailure::put(const ExecPlan::Failure& failure) const noexcept {
  eventfd_write(fd_.get(), std::uint64_t{failure.candidate} << kCandidateShift |
                               (failure.too_late ? kTooLate : 0) |
                               static_cast<std::uint32_t>(failure.error_number));
}

std::optional<ExecPlan::Failure> StartFailure::take() const noexcept {
  std::uint64_t value = 0;
  if (eventfd_read(fd_.get(), &value) != 0) return std::nullopt;
  return ExecPlan::Failure{.error_number = static_cast<int>(static_cast<std::uint32_t>(value & ~kTooLate)),
                           .candidate = static_cast<std::size_t>(value >> kCandidateShift),
                           .too_late = (value & kTooLate) != 0};
}

pid_t spawn(const ExecPlan& plan, const Leash& leash, const SignalFd& signals,
            const StartFailure& failure) noexcept {
  // Not vfork(2), which would hold this process until the exec has succeeded: the guard is to be awake in the meantime.
  // _Fork(3) is the one that takes no locks.
  const pid_t self = getpid();
  const pid_t pid = _Fork();
  if (pid == 0) become_command(plan, leash, signals, failure, self);
  return pid;
}

}  // namespace redlock::process
