#pragma once

#include "base/fd.hpp"

#include <sys/types.h>

namespace redlock::process {

// A process that is not our child, held by a pidfd: its number may be given to another one after its end, the
// descriptor stays its own (pidfd_open(2), Linux 5.3).
class WatchedProcess {
 public:
  // Throws UsageError when there is no such process, or it is one that cannot be waited for in a useful way: process 1,
  // this one, a thread. Throws SystemError when the kernel has no pidfds, Error (71) when the process is another user's,
  // so that no signal could reach it.
  explicit WatchedProcess(pid_t pid);

  pid_t pid() const noexcept { return pid_; }
  int fd() const noexcept { return fd_.get(); }  // readable when it has ended
  bool ended() const noexcept;

  // Sends a signal, to nobody else even if it has just ended. Returns 0 or an errno value.
  int signal(int number) const noexcept;

 private:
  pid_t pid_;
  UniqueFd fd_;
};

}  // namespace redlock::process
