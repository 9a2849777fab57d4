#pragma once

#include "base/clock.hpp"

#include <sys/types.h>

#include <cstddef>
#include <initializer_list>
#include <span>

namespace redlock::process {

// The processes below one process, found by a walk through /proc, so that what called setsid(2) or forked
// twice is among them. That holds because whoever kills is their subreaper (prctl(2)): an orphan does not
// escape, it moves up. Nothing here allocates from the heap or takes a lock: it is safe in a child forked
// from a program with threads.
class Tree {
 public:
  // `strangers`: children of this process that are not the command's: left alone with all below them. They
  // must outlive the tree. `first`: no process of the tree is older than this one.
  explicit Tree(pid_t first, std::span<const pid_t> strangers = {}) noexcept
      : strangers_{strangers}, first_{first} {}
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree();

  // Sends `signals`, in this order, to every living descendant of `root`.
  void signal_all(pid_t root, std::initializer_list<int> signals) noexcept;

  // Sends KILL to every descendant of this process, reaps, and looks again, until none is left. Returns 0
  // then; or, once `give_up_at` is past, the number of those that the kernel refuses to let us kill (EPERM).
  // SIGCHLD must be blocked.
  int kill_all(TimePoint give_up_at) noexcept;

 private:
  struct Entry;
  struct Pass {
    bool complete = false;  // /proc could be read
    int alive = 0;
    int refused = 0;  // of them
  };

  bool walk(pid_t root, std::initializer_list<int> signals, Pass& pass) noexcept;
  bool append(const Entry& entry) noexcept;
  bool is_marked(pid_t pid) const noexcept;
  bool mark(Entry& entry, pid_t root) const noexcept;
  Pass send(pid_t root, std::initializer_list<int> signals) noexcept;
  static void deliver(const Entry& entry, std::initializer_list<int> signals, Pass& pass) noexcept;
  Pass send_by_probing(std::initializer_list<int> signals) const noexcept;
  void chase() const noexcept;
  void reap() const noexcept;
  bool is_stranger(pid_t pid) const noexcept;
  std::span<Entry> entries() const noexcept;

  std::span<const pid_t> strangers_;
  pid_t first_;
  Entry* table_ = nullptr;  // mmap(2)ed
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace redlock::process
