#pragma once

#include "lock/examination.hpp"
#include "quorum/membership.hpp"

#include <cstddef>
#include <string>
#include <vector>

// What the reports of the nodes mean for locks. Pure.
namespace redlock::lock {

// What is wrong with a node, or may be.
enum class Concern {
  NoAnswer,   // it cannot be asked
  NoVote,     // it is a replica or the like, or in quarantine
  Refuses,    // it does not take writes
  Anonymous,  // it does not say whether it restarted
  Evicts,     // it drops keys that have a TTL when its memory is full
  Forgets,    // it restarts without its keys, and votes at once
  BadDisk,    // it failed to write to its disk
  SetBack,    // its clock was set back behind its start: nobody knows when it restarts
  BadClock,   // its clock is off
};

// Whether the node cannot grant a lock as long as that lasts.
bool takes_the_vote(Concern concern);

// A clock that is off by so much is not kept by anybody, and will be set one day.
inline constexpr std::chrono::seconds kClockTolerance{1};

std::vector<Concern> concerns_about(const NodeReport& report, Duration restart_quarantine);

// Of all nodes together.
struct Soundness {
  enum class Verdict { Safe, Works, NoQuorum };
  Verdict verdict;
  std::size_t voters;  // that could grant a lock now
};
Soundness judge(const std::vector<std::vector<Concern>>& concerns, const quorum::Membership& membership);

// The verdict in one line: "safe: all 5 nodes can vote, 3 are needed", "works, but 1 of 5 nodes cannot vote; ...".
std::string describe(const Soundness& soundness, const std::vector<std::vector<Concern>>& concerns);

}  // namespace redlock::lock
