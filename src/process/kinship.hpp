#pragma once

#include <sys/types.h>

#include <vector>

namespace redlock::process {

// The children that this process has already, as ChildLists has them: those of a shell that became redlock by exec, say.
// Costs one system call where there are none, which is the rule.
std::vector<pid_t> present_children();

// Makes this process the subreaper of its descendants (prctl(2)) while it lives, and puts back what was.
class Subreaper {
 public:
  Subreaper() noexcept;
  Subreaper(const Subreaper&) = delete;
  Subreaper& operator=(const Subreaper&) = delete;
  ~Subreaper();

 private:
  int found_ = 0;
};

}  // namespace redlock::process
