#include "process/ancestors.hpp"

#include "process/guard.hpp"
#include "process/proc_stat.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace redlock::process {
namespace {

constexpr int kWalks = 5;

// Whether the walk came to the end. It does not where a process on the way ends meanwhile: its children have a new parent then.
bool walk_up(std::vector<pid_t>& pids) {
  pids.clear();
  for (pid_t pid = getppid(); pid > 0;) {
    const auto stat = read_proc_stat(pid);
    if (!stat || std::find(pids.begin(), pids.end(), pid) != pids.end()) return false;
    pids.push_back(pid);
    pid = stat->parent;
  }
  return true;
}

}  // namespace

Ancestors Ancestors::of_this_process() {
  std::vector<pid_t> pids;
  for (int walk = 0; walk < kWalks && !walk_up(pids); ++walk) continue;
  return Ancestors{std::move(pids)};
}

bool Ancestors::contain(pid_t pid) const noexcept {
  return std::find(pids_.begin(), pids_.end(), pid) != pids_.end();
}

// A guard that has just been forked still has the name of its redlock.
bool Ancestors::contain_guarded(pid_t redlock) const {
  const auto found = std::find(pids_.begin(), pids_.end(), redlock);
  if (found == pids_.end() || found == pids_.begin()) return false;
  const std::string name = process_name(*std::prev(found));
  return name == kGuardName || name == process_name(redlock);
}

}  // namespace redlock::process
