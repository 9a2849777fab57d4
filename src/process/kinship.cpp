#include "process/kinship.hpp"

#include "process/children.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

namespace redlock::process {

std::vector<pid_t> present_children() {
  siginfo_t info{};
  if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return {};
  PidList children;
  ChildLists{}.add_own(children);
  return {children.all().begin(), children.all().end()};
}

Subreaper::Subreaper() noexcept {
  prctl(PR_GET_CHILD_SUBREAPER, &found_);
  if (found_ == 0) prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Subreaper::~Subreaper() {
  if (found_ == 0) prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace redlock::process
