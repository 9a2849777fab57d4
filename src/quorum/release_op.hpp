#pragma once

#include "quorum/ids.hpp"
#include "quorum/membership.hpp"
#include "quorum/operation.hpp"
#include "quorum/types.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace redlock::quorum {

// How a release ended.
enum class ReleaseResult {
  Ours,     // a quorum still had it
  Expired,  // a quorum of nodes with a vote answered; too few had it any more, nobody else has it
  Others,   // a quorum of nodes with a vote answered; somebody else has it
  NoQuorum  // too few of these answered
};

// Releases a lock on all nodes.
class ReleaseOp final : public Operation {
 public:
  // `membership` and `ids` must outlive this object.
  ReleaseOp(const Membership& membership, ReleaseRequest release, Duration node_timeout, RequestIds& ids)
      : membership_{membership},
        ids_{ids},
        release_{std::move(release)},
        node_timeout_{node_timeout},
        open_(membership.nodes()) {}

  // Before start(): leaves the lock behind, or deletes it. `lease`: see ReleaseRequest::note.
  void leave_behind(const std::optional<Rest>& rest, std::chrono::milliseconds lease) {
    release_.rest = rest;
    release_.note = rest ? lease : std::chrono::milliseconds::zero();
  }

  // Requests to all nodes, each with the deadline `now + node_timeout`. There are no others: a release that is repeated
  // meanwhile is the business of lock::PendingReleases.
  std::vector<Send> start(Now now) override;
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_time(Now) override { return {}; }
  TimePoint deadline() const override { return TimePoint::max(); }

  // A quorum of nodes has answered whose answer counts, or nothing more can come.
  bool done() const override { return settled() || membership_.is_quorum(answered_); }
  // Nothing more can come.
  bool settled() const { return !open_.any(); }

  ReleaseResult result() const;
  const std::optional<Rest>& rest() const { return release_.rest; }
  // On so many nodes the token was still there.
  std::size_t removed() const { return had_ours_.size(); }
  // Whether a rest came too late: the token had been released by hand.
  bool by_hand() const { return by_hand_; }
  // The holder instead, when the result is Others.
  HolderInfo other() const { return other_.value_or(HolderInfo{}); }

 private:
  const Membership& membership_;
  RequestIds& ids_;
  ReleaseRequest release_;
  Duration node_timeout_;
  OpenRequests open_;
  TimePoint began_{};
  NodeSet answered_;  // what counts
  NodeSet had_ours_;
  bool by_hand_ = false;
  std::optional<HolderInfo> other_;
};

}  // namespace redlock::quorum
