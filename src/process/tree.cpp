#include "process/tree.hpp"

#include "base/fd.hpp"
#include "process/proc_stat.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <string_view>

namespace redlock::process {
namespace {

using namespace std::chrono_literals;

constexpr Duration kShortestNap = 250us;
constexpr Duration kLongestNap = 20ms;
constexpr int kPassesBeforeChase = 2;  // most trees are dead by then
constexpr pid_t kPidLimit = 1 << 22;   // PID_MAX_LIMIT of the kernel

// Waits until a child changes state, `nap` at the most. SIGCHLD is blocked, and whoever calls reaps
// afterwards.
void wait_for_a_death(Duration nap) noexcept {
  sigset_t child{};
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const timespec limit{.tv_sec = 0, .tv_nsec = nap.count()};
  sigtimedwait(&child, nullptr, &limit);
}

bool has_children() noexcept {
  siginfo_t info{};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool is_our_child(pid_t pid) noexcept {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// The pid that the kernel gave out last, as /proc/loadavg has it at its end; 0 when it cannot be read.
pid_t newest_pid(int proc) noexcept {
  const UniqueFd file{openat(proc, "loadavg", O_RDONLY | O_CLOEXEC)};
  char text[64];
  const ssize_t size = file ? read(file.get(), text, sizeof text) : 0;
  if (size <= 1) return 0;
  const std::string_view line{text, static_cast<std::size_t>(size - 1)};
  pid_t pid = 0;
  std::from_chars(line.data() + line.rfind(' ') + 1, line.data() + line.size(), pid);
  return pid;
}

// The same without /proc: the pid of a child made for it.
pid_t probe_newest_pid() noexcept {
  const pid_t pid = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) _exit(0);
  if (pid < 0) return 0;
  waitpid(pid, nullptr, 0);
  return pid;
}

// Whether `pid` is a descendant of this process, of the nearest generations.
bool descends_from_us(int proc, pid_t pid) noexcept {
  constexpr int generations = 16;
  const pid_t self = getpid();
  for (int generation = 0; generation < generations && pid > 1; ++generation) {
    const auto stat = read_proc_stat(proc, pid);
    if (!stat) return false;
    if (stat->parent == self) return true;
    pid = stat->parent;
  }
  return false;
}

}  // namespace

struct Tree::Entry {
  pid_t pid;
  pid_t parent;
  bool dead;
  bool marked;  // a descendant
};

Tree::~Tree() {
  if (table_ != nullptr) munmap(table_, capacity_ * sizeof(Entry));
}

std::span<Tree::Entry> Tree::entries() const noexcept {
  return {table_, size_};
}

bool Tree::is_stranger(pid_t pid) const noexcept {
  return std::find(strangers_.begin(), strangers_.end(), pid) != strangers_.end();
}

bool Tree::append(const Entry& entry) noexcept {
  if (size_ == capacity_) {
    const std::size_t wanted = capacity_ == 0 ? 4096 : capacity_ * 2;
    void* grown = table_ == nullptr
                      ? mmap(nullptr, wanted * sizeof(Entry), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                      : mremap(table_, capacity_ * sizeof(Entry), wanted * sizeof(Entry), MREMAP_MAYMOVE);
    if (grown == MAP_FAILED) return false;
    table_ = static_cast<Entry*>(grown);
    capacity_ = wanted;
  }
  table_[size_++] = entry;
  return true;
}

// Whether the table, which is sorted by pid, holds `pid` as a descendant.
bool Tree::is_marked(pid_t pid) const noexcept {
  const auto all = entries();
  const auto found = std::lower_bound(all.begin(), all.end(), pid,
                                      [](const Entry& entry, pid_t wanted) { return entry.pid < wanted; });
  return found != all.end() && found->pid == pid && found->marked;
}

// Marks a descendant of `root` whose parent is known to be one. True when that is news.
bool Tree::mark(Entry& entry, pid_t root) const noexcept {
  if (entry.marked || is_stranger(entry.pid)) return false;
  entry.marked = entry.parent == root || is_marked(entry.parent);
  return entry.marked;
}

// Walks through /proc. A parent nearly always has the smaller pid and comes first, so that descendants are
// known as they turn up, and signalled there and then: at the end of the walk a fork bomb would be somewhere
// else. False when there is no /proc, or one that does not show ourselves (that of another pid namespace).
bool Tree::walk(pid_t root, std::initializer_list<int> signals, Pass& pass) noexcept {
  size_ = 0;
  const UniqueFd proc{open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!proc) return false;
  bool shows_us = false;
  alignas(dirent64) char buffer[16 * 1024];
  ssize_t filled = 0;
  while ((filled = getdents64(proc.get(), buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < filled;) {
      const auto* const name = reinterpret_cast<const dirent64*>(buffer + at);
      at += name->d_reclen;
      if (name->d_name[0] < '1' || name->d_name[0] > '9') continue;
      const auto stat = read_proc_stat(proc.get(), name->d_name);
      if (!stat) continue;  // gone meanwhile
      shows_us = shows_us || (stat->pid == getpid() && stat->parent == getppid());
      if (!append({.pid = stat->pid, .parent = stat->parent, .dead = stat->dead(), .marked = false}))
        return false;
      if (mark(table_[size_ - 1], root)) deliver(table_[size_ - 1], signals, pass);
    }
  }
  return shows_us;
}

Tree::Pass Tree::send(pid_t root, std::initializer_list<int> signals) noexcept {
  Pass pass;
  if (!walk(root, signals, pass)) return root == getpid() ? send_by_probing(signals) : Pass{};
  pass.complete = true;
  // Once pids have wrapped around, a child may stand before its parent.
  for (bool changed = true; changed;) {
    changed = false;
    for (Entry& entry : entries()) {
      if (!mark(entry, root)) continue;
      deliver(entry, signals, pass);
      changed = true;
    }
  }
  return pass;
}

void Tree::deliver(const Entry& entry, std::initializer_list<int> signals, Pass& pass) noexcept {
  if (entry.dead) return;
  ++pass.alive;
  bool refused = false;
  for (const int signal : signals) refused = (kill(entry.pid, signal) != 0 && errno == EPERM) || refused;
  if (refused) ++pass.refused;
}

// Without /proc: asks the kernel of each pid that may be in the tree whether it is our child. That finds one
// generation at a time; what is orphaned by the kill becomes our child in turn.
Tree::Pass Tree::send_by_probing(std::initializer_list<int> signals) const noexcept {
  const pid_t newest = probe_newest_pid();
  const bool wrapped = newest < first_;
  Pass pass;
  for (pid_t pid = wrapped ? 2 : first_; pid <= (wrapped ? kPidLimit : newest); ++pid) {
    if (is_stranger(pid) || !is_our_child(pid)) continue;
    ++pass.alive;
    for (const int signal : signals) kill(pid, signal);
  }
  return pass;
}

// A process that forks and exits in a loop has another pid by the time a walk through /proc is over. But it
// is among the newest of all processes, and to look at those alone takes microseconds.
void Tree::chase() const noexcept {
  constexpr int rounds = 64;
  constexpr pid_t nearest = 8;
  const UniqueFd proc{open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!proc) return;
  for (int round = 0; round < rounds && has_children(); ++round) {
    const pid_t newest = newest_pid(proc.get());
    for (pid_t pid = newest; pid > newest - nearest && pid > 1; --pid) {
      if (descends_from_us(proc.get(), pid)) kill(pid, SIGKILL);
    }
    reap();
  }
}

void Tree::reap() const noexcept {
  if (strangers_.empty()) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) continue;
    return;
  }
  for (const Entry& entry : entries()) {
    if (entry.marked && entry.parent == getpid()) waitpid(entry.pid, nullptr, WNOHANG);
  }
}

void Tree::signal_all(pid_t root, std::initializer_list<int> signals) noexcept {
  send(root, signals);
}

int Tree::kill_all(TimePoint give_up_at) noexcept {
  const pid_t self = getpid();
  setpriority(PRIO_PROCESS, 0, -20);  // root only: a fork bomb leaves little time to others
  Duration nap = kShortestNap;
  int pass_count = 0;
  for (int clean_passes = 0;;) {
    const Pass pass = send(self, {SIGKILL});
    reap();
    // No child left is the proof: every orphan of the tree would be one. Where that cannot be had (strangers;
    // a dead process that a debugger holds on to), two walks that find nobody: one may miss a child that
    // moves up meanwhile.
    if (strangers_.empty() && !has_children()) return 0;
    if (strangers_.empty() && pass_count++ >= kPassesBeforeChase) chase();
    clean_passes = pass.complete && pass.alive == 0 ? clean_passes + 1 : 0;
    if (clean_passes == 2) return 0;
    if (pass.alive > 0 && pass.alive == pass.refused && BootClock::now() >= give_up_at) return pass.alive;
    wait_for_a_death(nap);
    nap = std::min(nap * 2, kLongestNap);
  }
}

}  // namespace redlock::process
