#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace redlock::process {

// The deadline of the command, in memory that redlock, its keeper thread and the guard share (MAP_SHARED).
// All of it is lock-free, so that a process that dies or stops at any instruction leaves it usable.
//
// The timeline of a lease that ends at V (DESIGN section 4):
//
//     term_at = V - kill_after        TERM to the whole tree
//     measure_at = V - margin - lead - 5 margin
//                               the guard measures the tree, if TERM did not come before
//     kill_at = V - margin - lead     KILL begins; lead is the time that killing the
//                               tree may take: as measured, no less than margin / 2 and 10 ms
//               V - margin            by now the last process is dead
//               V                     from here on another host may be granted the lock
class Leash {
 public:
  // kill_after: TERM comes this long before the end of validity, or at kill_at when that is sooner.
  // margin: by this long before the end of validity all is dead. Throws SystemError when the kernel refuses.
  Leash(TimePoint valid_until, Duration kill_after, Duration margin);
  Leash(const Leash&) = delete;
  Leash& operator=(const Leash&) = delete;
  ~Leash();

  // The keeper says that the lease now lasts until `valid_until`. Never shortens. Does nothing once the lease
  // is lost or the command is being stopped: what has been begun is finished by the deadline that held then.
  void extend(TimePoint valid_until) noexcept;
  // The keeper says that the lease is gone: the command is stopped at once. What was still valid bounds the
  // time it gets between TERM and KILL. Any thread, any number of times.
  void lose() noexcept;

  TimePoint valid_until() const noexcept;
  TimePoint term_at() const noexcept;  // when TERM is due; now or earlier after lose()
  TimePoint kill_at() const noexcept;  // when KILL is due; no later than lose() + kill_after
  Duration kill_after() const noexcept { return kill_after_; }
  bool term_is_due() const noexcept { return stop_begun() || BootClock::now() >= term_at(); }
  TimePoint measure_at() const noexcept;  // when the tree is to be measured
  Duration lead() const noexcept;
  bool lost() const noexcept;
  Duration expired_for() const noexcept;  // the time since the end of validity; 0 before

  // The guard says how long it will take to kill the tree: kill_at() comes so much earlier.
  void expect_kill_to_take(Duration duration) noexcept;

  // The guard says which process is the command: 0 once it has been reaped.
  void set_command(pid_t pid) noexcept;
  pid_t command() const noexcept;

  // Redlock says which process is its witness, where there is a terminal; 0: none.
  void set_witness(pid_t pid) noexcept;
  pid_t witness() const noexcept;

  // Becomes readable, for good, with lose(): for poll(2). Do not read it.
  int lost_event() const noexcept { return lost_event_.get(); }

  // Whether the command ended by itself or was stopped is settled here, once, by the first who asks, in
  // whichever process: so the exit status is the same however close together the two came.
  bool begin_stop() noexcept;      // true for the first caller: it is the one to send TERM
  bool claim_own_exit() noexcept;  // the command has been reaped: true if its own status counts
  bool stop_begun() const noexcept;

 private:
  struct Shared;
  Shared* shared_;
  UniqueFd lost_event_;
  Duration kill_after_;
  Duration margin_;
};

}  // namespace redlock::process
