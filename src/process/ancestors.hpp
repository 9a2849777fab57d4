#pragma once

#include <sys/types.h>

#include <utility>
#include <vector>

namespace redlock::process {

// The processes above this one. As the guard of a run is the subreaper of all that its command starts, a process below it has it
// among its ancestors, whatever has been forked, detached or changed to another user in between.
class Ancestors {
 public:
  // As /proc shows them, which may be fewer: where it is not mounted, hides the processes of other users, or belongs to another
  // pid namespace.
  static Ancestors of_this_process();

  // The parent first.
  explicit Ancestors(std::vector<pid_t> pids) : pids_{std::move(pids)} {}

  bool contain(pid_t pid) const noexcept;
  // Whether `redlock` is one that runs a command, and its guard is between it and this process: then this process is ended with
  // that command when the lease ends.
  bool contain_guarded(pid_t redlock) const;

 private:
  std::vector<pid_t> pids_;
};

}  // namespace redlock::process
