#include "process/terminal_handback.hpp"

#include "base/fd.hpp"
#include "process/foreground.hpp"
#include "process/proc_stat.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>

namespace redlock::process {
namespace {

constexpr timespec kBetweenLooks{.tv_sec = 0, .tv_nsec = 1'000'000};

bool is_stopped(pid_t pid) noexcept {
  const auto stat = read_proc_stat(pid);
  return stat && stat->state == 'T';
}

// The process group that has to be in the foreground when redlock does not go on: that of the nearest ancestor that is not
// stopped; below the guard of an outer redlock, the job's own.
pid_t group_of_shell(pid_t ancestor) noexcept {
  const pid_t session = getsid(0);
  for (;;) {
    const auto stat = read_proc_stat(ancestor);
    if (!stat) return getpgid(session);
    if (stat->session != session) return getpgrp();
    if (stat->state != 'T') return stat->group;
    ancestor = stat->parent;
  }
}

// Judges the group by its leader.
bool descends_from_guard(pid_t group, pid_t guard) noexcept {
  pid_t at = group;
  while (const auto stat = read_proc_stat(at)) {
    if (stat->parent == guard) return true;
    at = stat->parent;
  }
  return false;
}

bool has_ended(pid_t pid) noexcept {
  const auto stat = read_proc_stat(pid);
  return !stat || stat->state == 'Z' || stat->state == 'X';
}

bool redlock_goes_on(const JobProcesses& job) noexcept {
  return getppid() == job.redlock && !is_stopped(job.redlock);
}

}  // namespace

void hand_terminal_back(const JobProcesses& job) noexcept {
  const UniqueFd terminal{open("/dev/tty", O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  bool over = !terminal;
  while (!over && !redlock_goes_on(job)) {
    over = has_ended(job.guard);
    const pid_t shell = group_of_shell(job.parent);
    // A shell that exits gives the terminal to the group in which it was started, which may have no other process left.
    if (getppid() != job.redlock) setpgid(0, shell);
    const pid_t front = tcgetpgrp(terminal.get());
    if (front > 0 && front != shell && (has_no_process(front) || descends_from_guard(front, job.guard)))
      give_terminal(terminal.get(), shell);
    if (!over) nanosleep(&kBetweenLooks, nullptr);
  }
}

}  // namespace redlock::process
