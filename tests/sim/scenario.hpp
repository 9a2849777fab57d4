#pragma once

#include "dice.hpp"
#include "faults.hpp"
#include "keyspace.hpp"
#include "quorum/types.hpp"

#include <string>
#include <vector>

namespace redlock::sim {

// What a caller asks of a world; the rest is drawn from its seed.
struct Request {
  std::uint64_t seed = 0;
  std::size_t nodes = 5;
  std::size_t least_clients = 2;
  std::size_t most_clients = 8;
  Faults faults = faults_inside_model();
  Defect defect = Defect::None;
  std::size_t names = 0;  // 0: drawn
  bool whole = false;     // see whole/whole_world.hpp
};

// The parameters of one world.
struct Scenario {
  std::size_t nodes;    // configured addresses
  std::size_t servers;  // fewer than addresses where some lead to the same
  std::vector<std::size_t> server_of;
  std::size_t names = 1;  // in all; a lock has one of them, or several
  bool slots = false;     // they are slots of one lock
  std::size_t contenders;
  std::size_t foreigners;
  Faults faults;      // of this world
  bool inside_model;  // no fault outside the model
  bool wiped_vote;    // a vote that a crash has wiped out is read late: see World::plan_wiped_vote
  bool unequal_ttls;  // a short quarantine meets a holder with a long TTL: see World::plan_unequal_ttls
  Defect defect;

  std::chrono::milliseconds ttl;  // the longest in use
  bool one_ttl;                   // all clients use it
  Duration node_timeout;          // as configured: the same for all
  bool short_rounds;              // a client's own rounds last a third of its TTL at the most
  Duration quarantine;
  Duration latency;   // one way, at the median
  double trouble;     // how likely one message, step or request meets a fault
  Duration spread;    // clients start within this
  unsigned attempts;  // of each client, until it wins
  unsigned cycles;    // wins of each client
  Duration hold;      // at most this long

  Names draw_names(Dice& dice) const;  // of one client's lock
  std::string describe() const;
};

Scenario draw(const Request& request, Dice& dice);

}  // namespace redlock::sim
