#pragma once

#include "base/fd.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <optional>

namespace redlock::process {

// Whether all processes of the group are gone.
bool has_no_process(pid_t group) noexcept;

// Puts a group into the foreground, from the background, too.
void give_terminal(int terminal, pid_t group) noexcept;

// The controlling terminal of the job, and the process group that is in its foreground: the job's own, or one that an
// interactive command (a shell, say) has made for itself. Costs three system calls where there is no terminal.
class Foreground {
 public:
  // Looks for the terminal among the standard descriptors.
  Foreground() noexcept;

  bool has_terminal() const noexcept { return static_cast<bool>(terminal_); }

  // The group in the foreground, if it is that of the job or of its command.
  std::optional<pid_t> ours(pid_t command) const noexcept;

  // The shell has continued the job, which had stopped while `group` was in the foreground: if the job is there again, so
  // is the group.
  void restore(std::optional<pid_t> group) noexcept;

  // Gives the terminal to the job again where the command took it and is gone, with all of its group. Otherwise a script
  // that goes on behind redlock could not read from it. A job that was always in the background takes nothing.
  void reclaim() const noexcept;

 private:
  pid_t group() const noexcept { return tcgetpgrp(terminal_.get()); }

  UniqueFd terminal_;
  bool had_it_ = false;
};

}  // namespace redlock::process
