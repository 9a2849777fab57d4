#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "process/exit_reason.hpp"

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>

namespace redlock::process {

// The deadline of the command, in memory that redlock, its keeper thread and the guard share (MAP_SHARED).
// Every field is lock-free, so a process that dies or stops at any instruction leaves the leash usable.
//
// The timeline of a lease that ends at V (DESIGN section 4):
//
//     term_at    = V - kill_after                  TERM to the whole tree
//     measure_at = V - margin - lead - 5 margin    the guard measures the tree, unless TERM came first
//     kill_at    = V - margin - lead               KILL begins; lead is the time that killing the tree may take:
//                                                  as measured, and at least margin / 2 and 10 ms
//                  V - margin                      the last process is dead
//                  V                               another host may be granted the lock from now on
class Leash {
 public:
  // kill_after: TERM comes this long before the end of validity, or at kill_at if that is sooner.
  // margin: the tree is dead this long before the end of validity. Throws SystemError when the kernel refuses.
  Leash(TimePoint valid_until, Duration kill_after, Duration margin);
  Leash(const Leash&) = delete;
  Leash& operator=(const Leash&) = delete;
  ~Leash();

  // The keeper extended the lease to `valid_until`. Never shortens it. Does nothing once the lease is lost or the command
  // is being stopped: the deadline of that moment stays in force.
  void extend(TimePoint valid_until) noexcept;
  // The keeper lost the lease at `now`: the command is stopped at once. The validity that was left bounds the time
  // between TERM and KILL. May be called by any thread, any number of times.
  void lose(TimePoint now) noexcept;

  TimePoint valid_until() const noexcept { return shared_->valid_until; }
  TimePoint term_at() const noexcept;  // when TERM is due; the time of lose() once the lease is lost
  TimePoint kill_at() const noexcept;  // when KILL is due; at most kill_after past lose()
  TimePoint measure_at() const noexcept;
  Duration kill_after() const noexcept { return kill_after_; }
  Duration lead() const noexcept { return shared_->lead; }
  bool term_is_due(TimePoint now) const noexcept { return stop_begun() || now >= term_at(); }
  bool lost() const noexcept { return shared_->lost_at.load() != kNotLost; }
  Duration expired_for(TimePoint now) const noexcept;  // since the end of validity; 0 before it

  // The guard expects that killing the tree takes this long: kill_at() moves forward by it.
  void expect_kill_to_take(Duration duration) noexcept;

  // The guard says which process is the command; 0 once it is reaped.
  void set_command(pid_t pid) noexcept { shared_->command = pid; }
  pid_t command() const noexcept { return shared_->command; }

  // The command's process says, before it exits, that it could not execute the command.
  void set_exec_failure(const ExecFailure& failure) noexcept;
  std::optional<ExecFailure> exec_failure() const noexcept;

  // Redlock says which process is its SignalWitness, if it has a terminal; 0: none.
  void set_witness(pid_t pid) noexcept { shared_->witness = pid; }
  pid_t witness() const noexcept { return shared_->witness; }

  // Becomes readable, for good, with lose(). For poll(2); do not read it.
  int lost_event() const noexcept { return lost_event_.get(); }

  // Decides whether the command ended by itself or was stopped. The first caller decides, in whichever process, so that
  // the exit status is unambiguous however close together the two come.
  bool begin_stop() noexcept { return decide(Fate::Stopped); }  // true for the first caller, which sends TERM
  bool claim_own_exit() noexcept {
    return decide(Fate::OwnExit);
  }  // true if the reaped command's own status counts
  bool stop_begun() const noexcept { return shared_->fate == Fate::Stopped; }

 private:
  enum class Fate : std::uint8_t { Open, OwnExit, Stopped };
  static constexpr TimePoint kNotLost{};
  struct Shared {
    std::atomic<TimePoint> valid_until;
    std::atomic<TimePoint> lost_at{kNotLost};
    std::atomic<Duration> lead;
    std::atomic<Fate> fate{Fate::Open};
    std::atomic<pid_t> command{0};
    std::atomic<pid_t> witness{0};
    std::atomic<bool> exec_failed{false};
    ExecFailure exec_failure{};  // written before exec_failed
  };
  static_assert(std::atomic<TimePoint>::is_always_lock_free && std::atomic<Fate>::is_always_lock_free);

  bool decide(Fate fate) noexcept;

  Shared* shared_;
  UniqueFd lost_event_;
  Duration kill_after_;
  Duration margin_;
};

}  // namespace redlock::process
