#pragma once

#include "lock/health_check.hpp"
#include "quorum/membership.hpp"

#include <cstddef>
#include <string>
#include <vector>

// What the reports of the nodes mean for locks.
namespace redlock::lock {

// What is wrong with a node, or may be.
enum class Issue {
  NoAnswer,   // it cannot be asked
  NoVote,     // it is a replica or the like, or in quarantine
  Refuses,    // it takes no writes
  Untried,    // it does not let us try whether it takes them
  Several,    // its address leads to several servers
  Anonymous,  // it does not say whether it restarted
  TooOld,     // it lacks what list and waiting clients need
  Unheard,    // waiting clients are not told of changes
  Evicts,     // it drops keys that have a TTL when its memory is full
  Forgets,    // it restarts without its keys, and votes at once
  BadDisk,    // it failed to write to its disk
  SetBack,    // its clock was set back behind its start: nobody will know when it restarts
  BadClock,   // its clock is off
};
using Issues = std::vector<Issue>;

// Whether the node cannot grant a lock while the issue lasts.
bool takes_the_vote(Issue issue);
bool can_vote(const Issues& issues);

// A clock that is off by more is not synchronized, and will jump when somebody sets it.
inline constexpr std::chrono::seconds kClockTolerance{1};

Issues issues_of(const NodeReport& report, Duration restart_quarantine);

// The health of all nodes together.
struct Health {
  enum class Verdict { Safe, Works, NoQuorum };
  Verdict verdict;
  std::size_t voters;          // could grant a lock now
  std::vector<Issues> issues;  // by node
};
Health health_of(std::vector<Issues> issues, const quorum::Membership& membership);

// The verdict in one line: "safe: all 5 nodes can vote, 3 are needed", "works, but 1 of 5 nodes cannot vote; ...".
std::string describe(const Health& health);

}  // namespace redlock::lock
