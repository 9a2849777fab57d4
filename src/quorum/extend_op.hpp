#pragma once

#include "quorum/acquire_op.hpp"
#include "quorum/ids.hpp"
#include "quorum/membership.hpp"
#include "quorum/operation.hpp"
#include "quorum/types.hpp"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace redlock::quorum {

struct ExtendRules {
  std::chrono::milliseconds ttl;
  Duration node_timeout;  // per round trip
};

struct LeaseExtended {
  TimePoint valid_until;
  Fence fence;
  std::size_t votes;
};
struct Lapsed {   // a quorum says that it is not ours, and nobody else's: it expired, or was never acquired;
  bool released;  // or one node says that it was released, which is enough,
  bool broken = false;  // or that somebody else has taken it away
};
struct HeldByOther {  // a quorum says that it is not ours; somebody else has it
  HolderInfo info;
};
using ExtendVerdict = std::variant<LeaseExtended, Lapsed, HeldByOther, NoQuorum, SameServer>;

// Extends a lease once, knowing nothing of it but its token: for a process that did not acquire it. Pure, like
// AcquireOp. What a Lease remembers of the acquisition, this one has to read from the nodes:
//
// First all are asked to extend what is there, and to plant nothing. An answer counts when
// - the node has a vote now: one that restarted lately may show a token from an old copy of its data;
// - its token was planted by the acquisition, or by an extension of this kind, which plants only under a lease that it
//   has just proven. What a Lease's attempt planted, only that Lease can judge;
// - its counter is not above the fence of the lease. Anybody who was granted a quorum since has a greater fence, which
//   stands in the counters of a quorum; a node that was theirs, and on which a request of ours has arrived late, has a
//   greater counter still. So nobody was granted a quorum in between.
// The fence must be known for sure: a node says it where it has been written down, by the acquisition where the nodes'
// counters were apart, or by an earlier extension; or else a quorum of counters agree on it. Where the fence has been
// written down, the node counts whatever its counter says: the writer knew that it did, and a later planting wipes it
// out.
// A quorum of these is a success, and no fewer: a wholly lost lock is never resurrected.
//
// Only then, and while the new validity lasts, the token is planted again where it is absent, with the fence, and the
// fence is written down where the node has the token and did not count; a later extension counts both, unless the
// counter is greater than the one that was found.
class ExtendOp final : public Operation {
 public:
  // `membership` and `ids` must outlive this object.
  ExtendOp(const ExtendRules& rules, Token token, Membership& membership, RequestIds& ids)
      : rules_{rules},
        token_{std::move(token)},
        membership_{membership},
        ids_{ids},
        answers_(membership.nodes()) {}

  std::vector<Send> start(Now now) override;
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_failure(Now now, NodeIndex node, RequestId id, const Failure& failure) override;
  std::vector<Send> on_time(Now now) override;
  TimePoint deadline() const override { return done() || !lingers_ ? TimePoint::max() : linger_until_; }

  // Set as soon as it is certain; after a success there may still be something to plant.
  const std::optional<ExtendVerdict>& verdict() const { return verdict_; }
  bool done() const override { return done_; }

  // Nodes that have the token, but whose answer does not count.
  std::size_t doubtful() const;

 private:
  enum class ExtendAnswer { Pending, Here, Absent, Elsewhere, Failed, Planting, Settled };
  struct NodeExtension {
    RequestId id = 0;
    ExtendAnswer answer = ExtendAnswer::Pending;
    bool votes = false;   // the node has a vote, and the token
    bool judged = false;  // and it was not a Lease that planted it
    Fence counter = 0;
    Fence fence = 0;  // as written down
  };

  std::vector<Send> judge(Now now);
  std::vector<Send> repair(Now now);
  std::optional<std::pair<Fence, std::size_t>> agreed() const;
  static bool counts(const NodeExtension& vote, Fence fence);
  std::size_t count(ExtendAnswer answer) const;

  ExtendRules rules_;
  Token token_;
  Membership& membership_;
  RequestIds& ids_;
  std::vector<NodeExtension> answers_;
  TimePoint began_{};
  TimePoint linger_until_ = TimePoint::max();
  bool lingers_ = true;  // for answers that may yet come
  bool released_ = false;
  bool broken_ = false;
  HolderInfo other_;
  std::optional<ExtendVerdict> verdict_;
  bool done_ = false;
};

}  // namespace redlock::quorum
