#pragma once

#include "whole/competitor.hpp"

#include <memory>
#include <string>
#include <vector>

namespace redlock::sim {

// Somebody who acts on the lock of others by hand, each time in a process of its own: extends it, breaks it, or looks.
class HelpingHand {
 public:
  HelpingHand(Setting& setting, Referee& referee, std::string name, std::vector<NodeServer*> node_of_address,
              LockSettings settings, const std::vector<std::unique_ptr<Competitor>>& competitors,
              std::vector<std::string> all_keys, std::uint64_t seed);

  ~HelpingHand() { program_.end(); }

  void start();
  Program& program() { return program_; }

 private:
  void act(Program& program);
  Names names_of(const std::vector<std::string>& keys) const;
  std::vector<std::string> keys_of(const Competitor& holder);
  void extend(Program& program, const Competitor& holder);
  void break_lock_of(Program& program, const Competitor& holder);

  Setting& setting_;
  Referee& referee_;
  LockSettings settings_;
  const std::vector<std::unique_ptr<Competitor>>& competitors_;
  std::vector<std::string> all_keys_;  // one a name
  Program program_;
  Dice dice_;
};

}  // namespace redlock::sim
