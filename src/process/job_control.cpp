#include "process/job_control.hpp"

#include "process/proc_stat.hpp"

#include <unistd.h>

namespace redlock::process {

bool can_be_continued() noexcept {
  const pid_t group = getpgrp();
  const pid_t session = getsid(0);
  pid_t ancestor = getppid();
  // A script runs its commands in its own group: go up to the first that is outside of it. The guard of a redlock that
  // this one runs under has left group and session, but its parent is in both: go past it.
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
