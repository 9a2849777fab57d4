#pragma once

#include "base/clock.hpp"
#include "process/children.hpp"
#include "process/pid_list.hpp"

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>

namespace redlock::process {

// The processes below this one. This process is their subreaper (prctl(2)): whatever a process of the tree leaves behind
// when it dies becomes its child. So killing its own children until waitid(2) says that there are none ends all of
// them, those included that /proc hides; descending from the children to theirs only makes it faster, and reaches all
// with TERM. Nothing here allocates from the heap or takes a lock: it is safe in a child forked from a program with
// threads.
class Tree {
 public:
  // Told once of a process, by its pid in ChildLists, that does not die (frozen, traced, waiting for a device); 0 where no
  // list says which.
  class StuckListener {
   public:
    virtual void is_stuck(pid_t pid) noexcept = 0;

   protected:
    ~StuckListener() = default;
  };

  // `lists`: of the thread that calls. `foreign`: children of this process, as ChildLists has them, that are not the command's: left alone with all below
  // them, until they end.
  explicit Tree(ChildLists lists = {}, std::span<const pid_t> foreign = {}) noexcept;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Opens what the rest needs: before the command starts, which may leave neither descriptors nor a /proc for it. False, and
  // errno, where that fails.
  bool prepare() noexcept { return lists_.open(); }
  std::array<int, 2> descriptors() const noexcept { return lists_.descriptors(); }

  // Drops the foreign children that have been reaped: another process may get the pid.
  void drop_reaped() noexcept;

  // Takes for foreign a child of ours that is dead already. Nothing where the lists have other pids than we.
  void exclude(pid_t child) noexcept;

  // Takes for foreign what became a child of ours before `child` did. Nothing when that is no child of ours.
  void exclude_older_than(pid_t child) noexcept;

  // Walks the tree, until `until` at the latest, and returns how long that took.
  Duration measure(TimePoint until) noexcept;

  // Sends `signals`, in this order, to all of the tree that can be seen, as far as the time until `until` allows. Returns
  // how long it took to find it. `root`: below that process instead.
  Duration signal_all(std::initializer_list<int> signals, TimePoint until, pid_t root = 0) noexcept;

  // Sends KILL to all of the tree and reaps it, until no child is left. Returns 0 then; or, once `give_up_at` is past, the
  // number of processes that the kernel refuses to let us kill (EPERM), when there are no others. `command`: our child
  // of that pid, which dies even where no list can be read; 0 for none. SIGCHLD must be blocked.
  int kill_all(pid_t command, TimePoint give_up_at, StuckListener& listener) noexcept;

 private:
  struct Pass {
    std::size_t children = 0;  // our own that are not foreign
    std::size_t refused = 0;   // of them
    std::size_t refused_below = 0;
    std::size_t found = 0;  // of our own, those that were not known before
  };

  void find_all(pid_t root, TimePoint until) noexcept;
  void stop_and_kill() noexcept;
  Pass kill_pass(bool slow_forks) noexcept;
  bool list_own() noexcept;
  bool is_empty() noexcept;
  void reap() noexcept;
  bool is_foreign(pid_t pid) const noexcept;

  PidList foreign_;
  ChildLists lists_;
  PidList pids_;             // what the last walk found
  std::size_t most_ = 4096;  // processes that a walk looks at while it kills
  PidSet known_;             // by kill_all(): sent KILL, and their children, too
};

}  // namespace redlock::process
