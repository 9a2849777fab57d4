#pragma once

// How a process of redlock gives way to those whose work is waited for, where they share a processor (sched(7)).
namespace redlock::process {

// While it waits behind others: its wake-ups interrupt nobody (SCHED_BATCH). Does nothing where redlock was started under
// another policy than the usual one. The end of its life, or false, puts back what was.
class Standby {
 public:
  Standby() noexcept;
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;
  ~Standby() { set(false); }

  void set(bool behind_others) noexcept;

 private:
  bool usual_;  // the policy that was found
  bool set_ = false;
};

// For a thread that has given the lock back and has only its own end to see to, for good. Async-signal-safe.
void step_back() noexcept;

}  // namespace redlock::process
