#include "process/kinship.hpp"

#include "process/proc_stat.hpp"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace redlock::process {

std::vector<pid_t> present_children() {
  siginfo_t info{};
  if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return {};
  std::vector<pid_t> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc{opendir("/proc"), &closedir};
  if (!proc) return children;
  while (const dirent* entry = readdir(proc.get())) {
    const auto stat = read_proc_stat(dirfd(proc.get()), entry->d_name);
    if (stat && stat->parent == getpid()) children.push_back(stat->pid);
  }
  return children;
}

bool receives_orphans() noexcept {
  int subreaper = 0;
  prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
  return subreaper != 0 || getpid() == 1;
}

Subreaper::Subreaper() noexcept {
  prctl(PR_GET_CHILD_SUBREAPER, &found_);
  if (found_ == 0) prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Subreaper::~Subreaper() {
  if (found_ == 0) prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace redlock::process
