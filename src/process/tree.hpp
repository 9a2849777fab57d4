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

// The processes below this one, which is their subreaper (prctl(2)): it inherits the children of every process of the tree
// that dies. So killing its own children until waitid(2) finds none ends them all, even those that /proc hides. Walking
// down the tree makes that faster, and lets TERM reach everything. No heap, no locks: safe in a child forked from a program
// with threads.
class Tree {
 public:
  // Is told once of a process that does not die (frozen, traced, waiting for a device), or if all that is left may not be
  // killed (EPERM), of one of those. `pid`: as in ChildLists; 0 if the lists do not show it.
  class StuckListener {
   public:
    virtual void is_stuck(pid_t pid, bool refused) noexcept = 0;

   protected:
    ~StuckListener() = default;
  };

  // `lists`: those of the calling thread. `foreign`: children of this process that are not the command's; they and their
  // descendants are left alone.
  explicit Tree(Clock& clock, ChildLists lists = {}, std::span<const pid_t> foreign = {}) noexcept;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Opens the lists, if they are not open. Call it before the command starts, which may use up all descriptors or unmount
  // /proc. False, and errno, when that fails.
  bool prepare() noexcept { return lists_.open(); }
  std::array<int, 2> descriptors() const noexcept { return lists_.descriptors(); }

  // Forgets the foreign children that were reaped, whose pids may be given to other processes.
  void drop_reaped() noexcept;

  // Treats a dead child as foreign. Does nothing if the lists use another pid namespace.
  void exclude(pid_t child) noexcept;

  // Treats every child older than `child` as foreign. Does nothing if `child` is not in the list.
  void exclude_older_than(pid_t child) noexcept;

  // Walks the tree, until `until` at the latest. Returns how long that took.
  Duration measure(TimePoint until) noexcept;

  // Whether a process of the tree has this name.
  bool has(const char* name) noexcept;

  // Sends `signals` in this order to everything that a walk finds, as far as the time until `until` allows. Returns how
  // long the walk took. `root`: walk below that process instead.
  Duration signal_all(std::initializer_list<int> signals, TimePoint until, pid_t root = 0) noexcept;

  // Kills and reaps the tree until no child is left. Returns 0; or, when the lease and a short while are over, the number of
  // processes that may not be killed (EPERM), once only those are left. SIGCHLD must be blocked.
  int kill_all(TimePoint lease_end, StuckListener& listener) noexcept;

 private:
  // One round of KILL.
  struct Pass {
    std::size_t children = 0;  // of this process, without the foreign ones
    std::size_t refused = 0;   // of them
    std::size_t refused_below = 0;
    std::size_t found = 0;  // of the children, those that were not known before
  };

  void find_all(pid_t root, TimePoint until) noexcept;
  void stop_and_kill() noexcept;
  Pass kill_pass(bool slow_forks) noexcept;
  bool list_own() noexcept;
  bool is_empty() noexcept;
  void report_stuck(StuckListener& listener) noexcept;
  void reap() noexcept;

  Clock& clock_;
  PidList foreign_;
  ChildLists lists_;
  PidList pids_;                   // the last walk found these
  std::size_t walk_limit_ = 4096;  // processes that a walk looks at while it kills
  PidSet known_;                   // these and their children were sent KILL by kill_all()
};

}  // namespace redlock::process
