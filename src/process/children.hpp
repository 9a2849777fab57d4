#pragma once

#include "base/fd.hpp"
#include "process/pid_list.hpp"

#include <sys/types.h>

#include <array>

namespace redlock::process {

// The lists of children that the kernel keeps in /proc (proc(5), /proc/PID/task/TID/children). The list of this thread
// is complete whatever the mount option hidepid conceals, and reading it costs what the children cost, not what the
// machine runs. Async-signal-safe, no heap.
//
// Pids are those of the namespace that /proc was mounted in, which is not ours after `unshare --pid` without
// --mount-proc: send() is the only use for them then.
class ChildLists {
 public:
  ChildLists() = default;

  // Opens them, if they are not open yet, for the calling thread; false, and errno, where that fails. What follows does so
  // as well, but may come when there are no descriptors left, or when the command has unmounted /proc: open lists stay
  // what they are.
  bool open() noexcept;

  // The descriptors that they hold open; -1 is none.
  std::array<int, 2> descriptors() const noexcept { return {proc_.get(), own_.get()}; }

  // Adds the children of this thread, zombies included, in the order in which they became its children. False when the
  // kernel does not let us read them now.
  bool add_own(PidList& pids) noexcept;

  // Adds the children of `pid`; none when it is gone, or hidden from us.
  void add_children_of(pid_t pid, PidList& pids) const noexcept;

  // kill(2) for a pid of these lists. Returns 0 or an errno value.
  int send(pid_t pid, int signal) const noexcept;

  // Whether the pids are those of our own namespace.
  bool ours() const noexcept { return ours_; }

 private:
  UniqueFd proc_;
  UniqueFd own_;
  bool ours_ = true;
};

// Open lists of the calling thread. Throws SystemError, with what to do, where they do not show what would have to be
// killed.
ChildLists open_child_lists();

}  // namespace redlock::process
