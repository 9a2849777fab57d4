#pragma once

#include "quorum/acquire_verdict.hpp"
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
struct Lapsed {  // a quorum says that it is not ours, and nobody else's: it expired, or was never acquired;
  bool released = false;  // or one node says that it was released, which is enough,
  bool broken = false;    // or that somebody else has taken it away
};
struct HeldByOther {  // a quorum says that it is not ours; somebody else has it
  HolderInfo info;
};
using ExtendVerdict = std::variant<LeaseExtended, Lapsed, HeldByOther, NoQuorum, SameServer>;

// Extends a lease once, knowing nothing of it but its token: for a process that did not acquire it. A Lease remembers the
// acquisition; this operation has to read from the nodes what it needs of that.
//
// First all are asked to extend what is there, and to restore nothing. An answer counts when
// - the node has a vote now: one that restarted lately may show a token from an old copy of its data;
// - its token was set by the acquisition, or by an operation of this kind, which restores only under a lease that it has
//   just proven. Only a Lease itself can judge what it has restored;
// - its counter is not above the fence of the lease. A holder that was granted a quorum since has a greater fence, which
//   stands in the counters of a quorum; a node that was theirs, and on which a request of ours has arrived late, has a
//   greater counter still. So nobody was granted a quorum in between.
// The fence must be known for sure: a node says it where it has been written down, by the acquisition where the nodes'
// counters were apart, or by an earlier extension; or else a quorum of counters agree on it. A node that has the fence
// written down counts whatever its counter says: the writer knew that it did, and it is wiped out when the token is set
// again.
// A quorum of these is a success, and no fewer: a wholly lost lock is never resurrected.
//
// Only then, and while the new validity lasts, the token is restored where it is absent, with the fence, and the fence is
// written down where the node has the token and did not count; a later extension counts both, unless the counter is
// greater than the one that was found.
class ExtendOp final : public Operation {
 public:
  // `membership` and `ids` must outlive this object.
  ExtendOp(const ExtendRules& rules, Token token, Membership& membership, RequestIds& ids);

  std::vector<Send> start(Now now) override;
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_time(Now now) override;
  TimePoint deadline() const override { return done() || !lingers_ ? TimePoint::max() : linger_until_; }

  // Set as soon as it is certain; after a success there may still be something to repair.
  const std::optional<ExtendVerdict>& verdict() const { return verdict_; }
  bool done() const override;
  // Whether the node has a vote and the token, but not the info that goes with it, so that it cannot be judged.
  bool lacks_info(NodeIndex node) const;

 private:
  enum class TokenState { Unknown, Here, Absent, Elsewhere, Repaired };
  struct TokenAnswer {
    TokenState state = TokenState::Unknown;
    bool votes = false;  // the node has a vote, and the token
    Extended said{};
  };

  std::vector<Send> judge(Now now);
  std::optional<ExtendVerdict> decide(Now now) const;
  std::vector<Send> repair(Now now);
  std::optional<std::pair<Fence, std::size_t>> agree() const;
  static bool counts(const TokenAnswer& token, Fence fence);
  bool awaits(TokenState state) const;

  Duration node_timeout_;
  ExtendRequest request_;  // what the next one is like
  Membership& membership_;
  RequestIds& ids_;
  std::vector<TokenAnswer> nodes_;
  OpenRequests open_;
  TimePoint began_{};
  TimePoint linger_until_ = TimePoint::max();
  bool lingers_ = true;  // for answers that may yet come
  Lapsed note_;          // that some node has
  std::optional<HolderInfo> other_;
  std::optional<ExtendVerdict> verdict_;
};

}  // namespace redlock::quorum
