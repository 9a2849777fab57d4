#pragma once

#include "process/child.hpp"
#include "process/leash.hpp"
#include "process/timer.hpp"
#include "process/watched_process.hpp"

namespace redlock::process {

// For `acquire --while-pid`, what the guard is for `run`: a second process that has the deadline of a lease in the memory
// of its leash, and tells the watched process in time when the one that extends the lease is killed, stopped or starved.
// It ends when the watched process has ended, when it has told it, and with this object; not with the process that
// started it. It shares with that one neither session, group and arguments nor any open file, so that what stops or kills
// the one by those passes the other by.
class Alarm {
 public:
  // Starts the process; there may be threads. It sends `signal` when the leash is lost or leash.term_at() has come, unless
  // somebody else has taken that on himself (Leash::begin_stop, Leash::claim_own_exit). All must outlive this object.
  // Throws SystemError.
  Alarm(Leash& leash, const WatchedProcess& watched, int signal);

  int fd() const noexcept { return ended_.get(); }  // readable when the process has ended

  // Lets it go on where somebody has stopped it, which SIGCHLD tells of.
  void continue_if_stopped() const noexcept;

 private:
  Timer timer_;
  OwnedChild process_;
  UniqueFd ended_;
};

}  // namespace redlock::process
