#pragma once

#include "base/fd.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <optional>

namespace redlock::process {

// Whether all processes of the group are gone.
bool has_no_process(pid_t group) noexcept;

// Puts a process group into the foreground, even from the background.
void give_terminal(int terminal, pid_t group) noexcept;

// The controlling terminal of the job, and the process group in its foreground: that of the job, or one that an interactive
// command (a shell, for example) has made for itself. Costs three system calls where there is no terminal.
class Foreground {
 public:
  // Looks for the terminal among the standard descriptors.
  Foreground() noexcept;

  bool has_terminal() const noexcept { return static_cast<bool>(terminal_); }

  // The group in the foreground, if it is that of the job or of its command.
  std::optional<pid_t> ours(pid_t command) const noexcept;

  // The shell has continued the job, which stopped while `front` was in the foreground. If the job is in the foreground
  // again, puts `front` there.
  void restore(std::optional<pid_t> front) noexcept;

  // Gives the terminal back to the job if the command took it and its whole group is gone: a script that goes on after
  // redlock could not read from it otherwise. A job that was always in the background takes nothing.
  void reclaim() const noexcept;

 private:
  pid_t group() const noexcept { return tcgetpgrp(terminal_.get()); }

  UniqueFd terminal_;
  bool had_it_ = false;
};

}  // namespace redlock::process
