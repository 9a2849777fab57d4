#include "process/job_control.hpp"

#include "process/proc_stat.hpp"

#include <unistd.h>

namespace redlock::process {

bool can_be_continued() noexcept {
  const pid_t group = getpgrp();
  const pid_t session = getsid(0);
  pid_t ancestor = getppid();
  // A script runs its commands in its own group, so the shell is the first ancestor outside of it. The guard of an outer
  // redlock has left group and session, while its parent is in both: it is passed over.
  bool past_guard = false;
  for (;;) {
    const auto stat = read_proc_stat(ancestor);
    if (!stat)
      return !past_guard && ancestor != 0 && getsid(ancestor) == session && getpgid(ancestor) != group;
    if (stat->session == session && stat->group != group) return !past_guard;
    if (stat->session != session && past_guard) return false;
    past_guard = stat->session != session;
    ancestor = stat->parent;
  }
}

}  // namespace redlock::process
