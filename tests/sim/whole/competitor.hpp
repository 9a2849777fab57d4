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
  unsigned attempts;  // runs of the program, until one wins
  unsigned cycles;    // wins
  Duration hold;      // at most
  bool by_hand;       // acquire, extend and release, each in a process of its own
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
  const WholeHabits& habits() const { return habits_; }
  bool holds() const { return !held_.value.empty(); }
  const quorum::Token& token() const { return held_; }
  // Since when it has been waiting for its turn without a try; Instant::max() when it does not.
  Instant waits_since() const {
    return witness_.last_acquire() > waits_since_ ? Instant::max() : waits_since_;
  }
  Instant began_to_wait() const { return began_to_wait_; }

 private:
  void run(Program& program);
  bool try_once(Program& program);
  std::optional<quorum::Won> acquire(LockRun& lock);
  void note_waiting(const quorum::AcquireVerdict& why);
  void hold(LockRun& lock, const quorum::Won& won);
  void hold_by_hand(const quorum::Won& won);
  void give_back(LockRun& lock, const quorum::Token& token);
  void stop_command(TimePoint valid_until);
  void rest(Duration length);
  void check_loss(const quorum::Loss& loss, TimePoint valid_until);
  bool may_be_stopped() const;
  // Runs `call`, which may take `most` by the program's own clock.
  template <class Call>
  auto timed(const char* what, Duration most, Call call);

  Setting& setting_;
  Referee& referee_;
  WholeHabits habits_;
  Program program_;
  Witness witness_;
  Dice dice_;
  std::optional<Alarm> interrupted_;
  quorum::Token held_;
  Instant began_to_wait_ = Instant::max();
  Instant waits_since_ = Instant::max();
};

}  // namespace redlock::sim
