#pragma once

#include "quorum/ids.hpp"
#include "quorum/types.hpp"

#include <vector>

namespace redlock::quorum {

// Gives a lock back on all nodes. Pure, like Acquisition.
class Releasing {
 public:
  Releasing(std::size_t nodes, Release release, RequestIds& ids)
      : ids_{ids}, release_{std::move(release)}, votes_(nodes) {}

  // Requests to all nodes, each with the deadline `now + node_timeout`.
  std::vector<Send> start(Now now, Duration node_timeout);
  // Each is the outcome of a request: what is tried again meanwhile is the business of PendingReleases.
  void on_reply(NodeIndex node, RequestId id, const Reply& reply);
  void on_failure(NodeIndex node, RequestId id);

  // A quorum has answered, or nothing more can come.
  bool done() const;
  // Nothing more can come.
  bool settled() const { return count(Outcome::Pending) == 0; }

  enum class Result {
    Ours,     // a quorum still had it
    Expired,  // a quorum answered; too few had it any more, nobody else has it
    Others,   // a quorum answered; somebody else has it
    NoQuorum  // too few nodes answered
  };
  Result result() const;
  // Who has it instead, when the result is Others.
  const HolderInfo& other() const { return other_; }

 private:
  enum class Outcome { Pending, WasOurs, WasAbsent, WasOthers, Failed };
  struct Vote {
    RequestId id = 0;
    Outcome outcome = Outcome::Pending;
  };
  std::size_t count(Outcome outcome) const;

  RequestIds& ids_;
  Release release_;
  HolderInfo other_;
  std::vector<Vote> votes_;
};

}  // namespace redlock::quorum
