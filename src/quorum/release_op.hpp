#pragma once

#include "quorum/ids.hpp"
#include "quorum/operation.hpp"
#include "quorum/types.hpp"

#include <vector>

namespace redlock::quorum {

// How a release ended.
enum class ReleaseResult {
  Ours,     // a quorum still had it
  Expired,  // a quorum answered; too few had it any more, nobody else has it
  Others,   // a quorum answered; somebody else has it
  NoQuorum  // too few nodes answered
};

// Gives a lock back on all nodes. Pure, like AcquireOp.
class ReleaseOp final : public Operation {
 public:
  // `ids` must outlive this object.
  ReleaseOp(std::size_t nodes, ReleaseRequest release, Duration node_timeout, RequestIds& ids)
      : ids_{ids}, release_{std::move(release)}, node_timeout_{node_timeout}, votes_(nodes) {}

  // Requests to all nodes, each with the deadline `now + node_timeout`. There are no others: a release that is repeated
  // meanwhile is the business of PendingReleases.
  std::vector<Send> start(Now now) override;
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_failure(Now now, NodeIndex node, RequestId id, const Failure& failure) override;
  std::vector<Send> on_time(Now) override { return {}; }
  TimePoint deadline() const override { return TimePoint::max(); }

  // A quorum has answered, or nothing more can come.
  bool done() const override;
  // Nothing more can come.
  bool settled() const { return count(ReleaseOutcome::Pending) == 0; }

  ReleaseResult result() const;
  // Who has it instead, when the result is Others.
  const HolderInfo& other() const { return other_; }

 private:
  enum class ReleaseOutcome { Pending, WasOurs, WasAbsent, WasOthers, Failed };
  struct NodeRelease {
    RequestId id = 0;
    ReleaseOutcome outcome = ReleaseOutcome::Pending;
  };
  std::size_t count(ReleaseOutcome outcome) const;

  RequestIds& ids_;
  ReleaseRequest release_;
  Duration node_timeout_;
  HolderInfo other_;
  std::vector<NodeRelease> votes_;
};

}  // namespace redlock::quorum
