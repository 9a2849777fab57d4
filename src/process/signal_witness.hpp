#pragma once

#include "base/clock.hpp"
#include "process/child.hpp"
#include "process/terminal_handback.hpp"

#include <sys/signalfd.h>

#include <atomic>

namespace redlock::process {

// A process in the group of the job, beside redlock and its command, that does nothing but note which signals it gets. By
// it redlock tells a signal that was sent to the whole group, and so to the command as well (`kill -TERM -PGID`, the end of
// a timeout(1)), from one that was sent to redlock alone: the kernel makes no difference between them.
//
// It also gives the terminal back where redlock cannot, since it was killed or stopped: an interactive shell that redlock
// runs takes the terminal when a process of its own dies, and the shell that redlock was started by would read the end of
// its input. The guard, which has left the session, tells with SIGCONT when it begins to end the command; until the guard
// has gone, nothing of the command keeps the terminal. The witness ends then, or with redlock.
class SignalWitness {
 public:
  // `guard`: 0 where there is no terminal. Without memory or a process to be had it sees nothing.
  explicit SignalWitness(pid_t guard) noexcept;
  SignalWitness(const SignalWitness&) = delete;
  SignalWitness& operator=(const SignalWitness&) = delete;
  ~SignalWitness();

  pid_t pid() const noexcept { return process_.pid(); }  // -1: none

  // Whether it got the same signal from the same sender within a tenth of a second. Gives it some milliseconds to be
  // heard: it may have been signalled, but not have had the processor yet. Each signal that it got answers for one
  // question: the sender may go on to signal redlock alone, and a signal lost is worse than one that comes twice.
  bool saw(const signalfd_siginfo& info) noexcept;

 private:
  static constexpr TimePoint::rep kNoNote = 0;
  struct Note {
    std::atomic<TimePoint::rep> at{kNoNote};
    std::atomic<pid_t> sender{0};
  };
  struct Notes;
  [[noreturn]] void watch(const JobProcesses& job) noexcept;
  bool use_up_note(const signalfd_siginfo& info) noexcept;

  Notes* notes_ = nullptr;  // shared with it
  OwnedChild process_;
};

}  // namespace redlock::process
