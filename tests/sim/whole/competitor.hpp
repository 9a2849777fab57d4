#pragma once

#include "whole/lock_calls.hpp"
#include "whole/witness.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace redlock::sim {

// How somebody goes about it.
struct WholeHabits {
  LockSettings settings;
  bool nonblock;
  Duration wait;
  Duration retry_delay;
  unsigned attempts;    // runs of the program, until one wins
  unsigned cycles;      // wins
  Duration hold;        // at most
  bool by_hand;         // acquire, extend and release, each in a process of its own
  Duration at_least{};  // leaves the lock behind for the rest of this
};

// Runs the program again and again, and tells the referee what comes of it.
class Competitor {
 public:
  Competitor(Setting& setting, Referee& referee, std::string name, std::vector<NodeServer*> node_of_address,
             WholeHabits habits, std::uint64_t seed);

  ~Competitor() { program_.end(); }

  void start();
  // SIGTERM.
  void interrupt();

  Program& program() { return program_; }
  const Program& program() const { return program_; }
  Witness& witness() { return witness_; }
  const Witness& witness() const { return witness_; }
  const WholeHabits& habits() const { return habits_; }
  bool holds() const { return !held_.value.empty(); }
  const quorum::Token& token() const { return held_; }
  // Of the lock that it has left behind to rest, until it tries again; empty: none.
  const quorum::Token& left_behind() const { return left_behind_; }
  const std::vector<std::string>& keys() const { return held_keys_; }  // that it holds
  // Since when it has been waiting for its turn without a try; Instant::max() when it does not.
  Instant waits_since() const {
    return witness_.last_acquire() > waits_since_ ? Instant::max() : waits_since_;
  }
  Instant began_to_wait() const { return began_to_wait_; }
  // Since when each attempt has found the lock held, so that it listens for its turn; Instant::max() when it does not.
  Instant listens_since() const { return listens_since_; }

 private:
  void run(Program& program);
  bool try_once(Program& program);
  std::optional<quorum::Won> acquire(LockRun& lock);
  void note_waiting(const quorum::AcquireVerdict& why);
  void hold(LockRun& lock, const quorum::Won& won);
  void hold_by_hand(const quorum::Won& won);
  void give_back(LockRun& lock, const quorum::Won& won, std::optional<quorum::Rest> rest = {});
  void stop_command(TimePoint valid_until);
  void idle(Duration length);
  void check_loss(const quorum::Loss& loss, TimePoint valid_until);
  bool may_be_stopped() const;
  // Runs `call`, which may take `most` by the program's own clock.
  template <class Call>
  auto timed(const char* what, Duration most, Call call);

  Setting& setting_;
  WholeHabits habits_;
  Program program_;
  Witness witness_;
  Dice dice_;
  std::optional<Alarm> interrupted_;
  quorum::Token held_;
  quorum::Token left_behind_;
  std::vector<std::string> held_keys_;
  Instant began_to_wait_ = Instant::max();
  Instant waits_since_ = Instant::max();
  Instant listens_since_ = Instant::max();
};

}  // namespace redlock::sim
