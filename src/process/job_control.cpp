#include "process/job_control.hpp"

#include "process/proc_stat.hpp"

#include <unistd.h>

namespace redlock::process {

bool can_be_continued() noexcept {
  const pid_t group = getpgrp();
  const pid_t session = getsid(0);
  pid_t ancestor = getppid();
  // A script runs its commands in its own group: go up to the first who is outside of it.
  for (;;) {
    const auto stat = read_proc_stat(ancestor);
    if (!stat) return ancestor != 0 && getsid(ancestor) == session && getpgid(ancestor) != group;
    if (stat->session != session) return false;
    if (stat->group != group) return true;
    ancestor = stat->parent;
  }
}

}  // namespace redlock::process
