#pragma once

#include "base/fd.hpp"
#include "process/pid_list.hpp"

#include <sys/types.h>

#include <array>
#include <vector>

namespace redlock::process {

// The lists of children that the kernel keeps in /proc (proc(5), /proc/PID/task/TID/children). The list of the calling
// thread is complete even if the mount option hidepid hides processes, and the cost of reading it depends on the number of
// children, not on what else the machine runs. Async-signal-safe, no heap.
//
// The pids are those of the namespace that /proc was mounted in. After `unshare --pid` without --mount-proc that is another
// one, and the pids can only be used with send().
class ChildLists {
 public:
  ChildLists() = default;

  // Opens them for the calling thread, if they are not open. False, and errno, when that fails. Open lists go on working
  // when /proc is unmounted. The other functions need open lists.
  bool open() noexcept;

  // The open descriptors; -1: none.
  std::array<int, 2> descriptors() const noexcept { return {proc_.get(), own_.get()}; }

  // Adds the children of the calling thread, zombies included, in the order in which they became its children. False when
  // the kernel refuses.
  bool add_own(PidList& pids) noexcept;

  // Adds the children of `pid`; none when it is gone or hidden.
  void add_children_of(pid_t pid, PidList& pids) const noexcept;

  // Whether the process has this name in ps(1).
  bool has_name(pid_t pid, const char* name) const noexcept;

  // kill(2) for a pid of these lists. Returns 0 or an errno value.
  int send(pid_t pid, int signal) const noexcept;

  // Whether the pids are those of this process's namespace.
  bool ours() const noexcept { return ours_; }

 private:
  UniqueFd proc_;
  UniqueFd own_;
  bool ours_ = true;
};

// Opens the lists of the calling thread. Throws SystemError, which says what to do, if they would not show everything that
// may have to be killed: no command is run then.
ChildLists open_child_lists();

// The children that this process has before it starts any: those of a shell that became redlock by exec, for example.
// Costs one system call if there are none, as usual.
std::vector<pid_t> existing_children(ChildLists& lists);

}  // namespace redlock::process
