#pragma once

#include "quorum/ids.hpp"
#include "quorum/types.hpp"

#include <vector>

namespace redlock::quorum {

// Gives a lock back on all nodes. Pure, like Acquisition.
class Releasing {
 public:
  // `leave_note`: see Release.
  Releasing(std::size_t nodes, Token token, RequestIds& ids, bool leave_note = false)
      : ids_{ids}, token_{std::move(token)}, leave_note_{leave_note}, votes_(nodes) {}

  // Requests to all nodes, each with the deadline `now + node_timeout`.
  std::vector<Send> start(Now now, Duration node_timeout);
  void on_reply(NodeIndex node, RequestId id, const Reply& reply);
  // Returns the requests to send now: a release whose connection broke is sent again. Without a failure: the
  // driver knew that there was nothing to release.
  std::vector<Send> on_failure(NodeIndex node, RequestId id,
                               const Failure& failure = {.kind = Failure::Kind::Cancelled, .detail = {}});

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
    TimePoint deadline{};
    unsigned tries_left = 0;
    Outcome outcome = Outcome::Pending;
  };
  Send release(NodeIndex node);
  std::size_t count(Outcome outcome) const;

  RequestIds& ids_;
  Token token_;
  bool leave_note_;
  HolderInfo other_;
  std::vector<Vote> votes_;
};

}  // namespace redlock::quorum
