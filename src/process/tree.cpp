#include "process/tree.hpp"

#include "base/signal_set.hpp"

#include <sched.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <utility>

namespace redlock::process {
namespace {

using namespace std::chrono_literals;

constexpr Duration kShortestPause = 250us;
constexpr Duration kLongestPause = 1s;
// After a pause of this length the whole tree is walked again, known processes included.
constexpr Duration kLongPause = 16ms;
// While the tree grows, a pause would only leave the processor to it.
constexpr int kMostPassesWithoutPause = 256;
// Only processes that fork for ever (a fork bomb) take more passes than this.
constexpr int kPassesWithoutBomb = 3;
// Between two walks a tree may grow by this many processes, and to twice its size.
constexpr std::size_t kFewProcesses = 1024;
// A process that has survived pauses up to this length, 0.5 s in all, is stuck.
constexpr Duration kStuckPause = 500ms;
// A tree that goes on growing at its root is walked no more often.
constexpr int kMostWalks = 100;
// Goes on for at least this long when processes may not be killed.
constexpr Duration kLeastTry = 200ms;

// Waits until a child changes state, for `pause` at most. SIGCHLD is blocked; the caller reaps.
void wait_for_a_death(Duration pause) noexcept {
  const sigset_t child = signal_set({SIGCHLD});
  const timespec limit = to_timespec(TimePoint{pause});
  sigtimedwait(&child, nullptr, &limit);
}

// Runs this thread ahead of all ordinary ones, where that is permitted: a hundred processes that fork for ever leave
// little time to others.
class RealtimePriority {
 public:
  RealtimePriority() noexcept : policy_{sched_getscheduler(0)} {
    sched_getparam(0, &usual_);
    const sched_param lowest{.sched_priority = 1};
    set_ = sched_setscheduler(0, SCHED_RR, &lowest) == 0;
  }
  RealtimePriority(const RealtimePriority&) = delete;
  RealtimePriority& operator=(const RealtimePriority&) = delete;
  ~RealtimePriority() { end(); }

  void end() noexcept {
    if (std::exchange(set_, false)) sched_setscheduler(0, policy_, &usual_);
  }

 private:
  int policy_;
  sched_param usual_{};
  bool set_ = false;
};

// Children that `pid` forks from now on get the processor only when nothing else wants it.
void make_idle(pid_t pid) noexcept {
  const sched_param none{};
  sched_setscheduler(pid, SCHED_IDLE, &none);
}

bool has_children() noexcept {
  siginfo_t info{};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

}  // namespace

Tree::Tree(Clock& clock, ChildLists lists, std::span<const pid_t> foreign) noexcept
    : clock_{clock}, lists_{std::move(lists)} {
  for (const pid_t pid : foreign) foreign_.add(pid);
}

// The children of this process, without the foreign ones.
bool Tree::list_own() noexcept {
  pids_.clear();
  if (!lists_.add_own(pids_)) return false;
  pids_.remove_if([this](pid_t pid) { return foreign_.contains(pid); });
  return true;
}

void Tree::drop_reaped() noexcept {
  if (foreign_.size() == 0) return;
  pids_.clear();
  if (!lists_.add_own(pids_)) return;
  foreign_.remove_if([this](pid_t pid) { return !pids_.contains(pid); });
}

void Tree::exclude(pid_t child) noexcept {
  if (lists_.ours()) foreign_.add(child);
}

void Tree::exclude_older_than(pid_t child) noexcept {
  pids_.clear();
  if (!lists_.add_own(pids_) || !lists_.ours()) return;
  if (!pids_.contains(child)) return;
  foreign_.clear();
  for (std::size_t each = 0; pids_[each] != child; ++each) foreign_.add(pids_[each]);
}

// Breadth first: the list is its own queue.
void Tree::find_all(pid_t root, TimePoint until) noexcept {
  pids_.clear();
  if (root > 0) {
    lists_.add_children_of(root, pids_);
  } else {
    list_own();
  }
  for (std::size_t next = 0; next < pids_.size() && clock_.boot_now() < until; ++next)
    lists_.add_children_of(pids_[next], pids_);
  walk_limit_ = 2 * pids_.size() + kFewProcesses;
}

Duration Tree::measure(TimePoint until) noexcept {
  const RealtimePriority realtime;
  const TimePoint start = clock_.boot_now();
  find_all(0, until);
  return clock_.boot_now() - start;
}

// A process may move up while the tree is walked, out of the walk's sight, when its parent ends: then it is a child of this one
// that the walk has not met.
bool Tree::has(const char* name) noexcept {
  for (int walk = 0; walk < kMostWalks; ++walk) {
    find_all(0, TimePoint::max());
    for (const pid_t pid : pids_.all()) {
      if (lists_.has_name(pid, name)) return true;
    }
    PidList own;
    lists_.add_own(own);
    own.remove_if([this](pid_t pid) { return pids_.contains(pid) || foreign_.contains(pid); });
    if (own.size() == 0) return false;
  }
  return false;
}

// Finds everything before it sends the first signal: a process that dies of it moves its children up to this process, out of
// the walk's sight.
Duration Tree::signal_all(std::initializer_list<int> signals, TimePoint until, pid_t root) noexcept {
  const RealtimePriority realtime;
  const TimePoint start = clock_.boot_now();
  find_all(root, until);
  const Duration took = clock_.boot_now() - start;
  for (const pid_t pid : pids_.all()) {
    if (clock_.boot_now() >= until) break;
    for (const int signal : signals) lists_.send(pid, signal);
  }
  return took;
}

// Stopping a process costs little, and its death takes processor time. So everything is stopped first, each process before
// its children are listed: then it cannot fork any more. They die from the leaves up, because a parent's death may continue
// a stopped child (an orphaned process group, setpgid(2)), and KILL must arrive before that.
void Tree::stop_and_kill() noexcept {
  pids_.clear();
  list_own();
  std::size_t stopped = 0;
  for (std::size_t next = 0; next < pids_.size() && pids_.size() < walk_limit_; ++next) {
    for (; stopped < pids_.size(); ++stopped) {
      lists_.send(pids_[stopped], SIGSTOP);
      known_.add(pids_[stopped]);
    }
    lists_.add_children_of(pids_[next], pids_);
  }
  for (std::size_t left = pids_.size(); left > 0; --left) lists_.send(pids_[left - 1], SIGKILL);
}

// Starts with the children of this process, whose list is complete. Below them, a process that was sent KILL forks no more
// once kill(2) has returned, so that its list, read afterwards, misses only what has moved up to this process meanwhile.
// A process that forks and exits in a loop would lead the walk down for ever: it ends at `walk_limit_`, and such a process
// soon becomes a child of this one.
Tree::Pass Tree::kill_pass(bool slow_forks) noexcept {
  Pass pass;
  if (!list_own()) return pass;
  pass.children = pids_.size();
  for (const pid_t pid : pids_.all()) {
    if (slow_forks && lists_.ours()) make_idle(pid);
    if (lists_.send(pid, SIGKILL) == EPERM) ++pass.refused;
  }
  pids_.remove_if([this](pid_t pid) { return !known_.add(pid); });
  pass.found = pids_.size();
  for (std::size_t next = 0; next < pids_.size() && pids_.size() < walk_limit_; ++next) {
    const std::size_t below = pids_.size();
    lists_.add_children_of(pids_[next], pids_);
    for (std::size_t each = below; each < pids_.size(); ++each) {
      known_.add(pids_[each]);
      if (lists_.send(pids_[each], SIGKILL) == EPERM) ++pass.refused_below;
    }
  }
  return pass;
}

// Includes foreign children: only this process can reap them.
void Tree::reap() noexcept {
  for (pid_t pid = 0; (pid = waitpid(-1, nullptr, WNOHANG)) > 0;) {
    if (lists_.ours()) known_.remove(pid);
  }
  drop_reaped();
}

bool Tree::is_empty() noexcept {
  if (foreign_.size() == 0) return !has_children();
  return list_own() && pids_.size() == 0;
}

void Tree::report_stuck(StuckListener& listener) noexcept {
  if (!list_own() || pids_.size() == 0) return listener.is_stuck(0, false);
  for (const pid_t pid : pids_.all()) {
    if (lists_.send(pid, SIGKILL) != EPERM) return listener.is_stuck(pid, false);
  }
  listener.is_stuck(pids_[0], true);
}

int Tree::kill_all(TimePoint lease_end, StuckListener& listener) noexcept {
  const TimePoint give_up_at = std::max(lease_end, clock_.boot_now() + kLeastTry);
  bool told = false;
  known_.clear();
  int passes_without_pause = 0;
  RealtimePriority realtime;
  stop_and_kill();
  Duration pause = kShortestPause;
  for (;;) {
    const bool anew = pause >= kLongPause;
    if (anew) known_.clear();
    const Pass pass = kill_pass(passes_without_pause > kPassesWithoutBomb);
    reap();
    if (is_empty()) return 0;
    if (pass.children > 0 && pass.children == pass.refused && clock_.boot_now() >= give_up_at) {
      known_.clear();
      const Pass last = kill_pass(false);
      return static_cast<int>(last.refused + last.refused_below);
    }
    if (pause >= kStuckPause && !std::exchange(told, true)) report_stuck(listener);
    if (pass.found > 0 && !anew) {
      pause = kShortestPause;
      if (++passes_without_pause < kMostPassesWithoutPause) continue;
    }
    passes_without_pause = 0;
    if (anew) realtime.end();
    wait_for_a_death(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace redlock::process
