#pragma once

#include "base/fd.hpp"

#include <sys/types.h>

namespace redlock::process {

// A process that is no child of this one, held by a pidfd (pidfd_open(2), Linux 5.3), so that reuse of its pid is harmless.
class WatchedProcess {
 public:
  // Throws UsageError if there is no such process, or waiting for it makes no sense: process 1, this one, a thread. Throws
  // SystemError if the kernel has no pidfds, and Error (71) if this user may not signal the process.
  explicit WatchedProcess(pid_t pid);

  pid_t pid() const noexcept { return pid_; }
  int fd() const noexcept { return fd_.get(); }  // readable when it has ended
  bool ended() const noexcept;

  // Sends a signal. Returns 0 or an errno value.
  int signal(int number) const noexcept;

 private:
  pid_t pid_;
  UniqueFd fd_;
};

}  // namespace redlock::process
