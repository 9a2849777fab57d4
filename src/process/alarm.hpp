#pragma once

#include "base/timer.hpp"
#include "process/child.hpp"
#include "process/leash.hpp"
#include "process/watched_process.hpp"

namespace redlock::process {

// For `acquire --while-pid`, what the guard is for `run`: a second process that shares the deadline of the lease. It signals
// the watched process in time if the process that extends the lease is killed, stopped or starved. It ends when the watched
// process has ended or was signalled, and with this object, but not with the process that started it: it shares neither
// session, process group, arguments nor open files with that one, so whatever kills or stops the one by those spares the
// other.
class Alarm {
 public:
  // Starts the process, even if there are threads. It sends `signal` when the leash is lost or leash.term_at() has come,
  // unless somebody else has called Leash::begin_stop() or claim_own_exit() before. All must outlive this object.
  // Throws SystemError.
  Alarm(Clock& clock, Leash& leash, const WatchedProcess& watched, int signal);

  int fd() const noexcept { return ended_.get(); }  // readable when the process has ended

  // Continues it if somebody has stopped it. Call it on SIGCHLD.
  void continue_if_stopped() const noexcept;

 private:
  Timer timer_;
  OwnedChild process_;
  UniqueFd ended_;
};

}  // namespace redlock::process
