#pragma once

#include "base/clock.hpp"
#include "process/child.hpp"
#include "process/terminal_handback.hpp"

#include <sys/signalfd.h>

#include <atomic>

namespace redlock::process {

// A process in the process group of the job, beside redlock and its command, that notes which signals it gets. So redlock
// tells a signal that was sent to the whole group, and therefore to the command as well (`kill -TERM -PGID`, the end of a
// timeout(1)), from one that was sent to redlock alone; the kernel makes no difference between them.
//
// It also gives the terminal back when redlock cannot, because it was killed or stopped (see hand_terminal_back()): the
// guard, which has left the session, sends SIGCONT when it begins to end the command. The witness ends after that, or with
// redlock.
class SignalWitness {
 public:
  // `guard`: 0 without a terminal. `clock` must outlive this object. If the kernel refuses memory or a process, saw() is
  // always false.
  SignalWitness(Clock& clock, pid_t guard) noexcept;
  SignalWitness(const SignalWitness&) = delete;
  SignalWitness& operator=(const SignalWitness&) = delete;
  ~SignalWitness();

  pid_t pid() const noexcept { return process_.pid(); }  // -1: none

  // Whether it got the same signal from the same sender within a tenth of a second. Waits some milliseconds, since it may
  // have been signalled without having had the processor yet. Each signal that it got answers for one question only: the
  // sender may go on to signal redlock alone, and a lost signal is worse than one that comes twice.
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

  Clock& clock_;
  Notes* notes_ = nullptr;  // in memory that is shared with the witness
  OwnedChild process_;
};

}  // namespace redlock::process
