#pragma once

#include "base/clock.hpp"
#include "process/exit_reason.hpp"
#include "process/leash.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::process {

// Variables to set; those without a value are removed.
using Environment = std::vector<std::pair<std::string, std::optional<std::string>>>;

// The files that execvp(3) would try for `name`: the name itself if it contains a slash, otherwise one per entry of
// `path`, where an empty entry is the current directory. None for an empty name.
std::vector<std::string> executable_candidates(std::string_view name, std::string_view path);

// Everything that execve(2) needs, prepared before the fork so that the child only makes system calls.
class ExecPlan {
 public:
  // `argv` must outlive the plan. The environment is redlock's with `extra` on top.
  ExecPlan(const std::vector<std::string>& argv, const Environment& extra);

  // Tries the candidates in turn, each only while the leash is good. Returns when none could be executed. Unlike
  // execvp(3) it does not hand a file of unknown format (ENOEXEC) to a shell. Async-signal-safe.
  ExecFailure exec(const Leash& leash, Clock& clock) const noexcept;

  // Exit status (126, 127, or 79 if it was too late) and message for a failure of exec().
  NotStarted explain(const ExecFailure& failure) const;

 private:
  std::string name_;
  std::vector<std::string> candidates_;
  std::vector<std::string> added_;  // "NAME=value"
  std::vector<char*> argv_;         // ends with a null pointer, like the next
  std::vector<char*> environment_;
};

}  // namespace redlock::process
