#pragma once

#include "quorum/membership.hpp"
#include "quorum/types.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace redlock::quorum {

// What a keeper knows of its token on each node, and what its presence proves (DESIGN section 3, "Extend"):
// - Continuous: seen there before the last successful attempt began. A quorum of these excludes, node by node, that
//   anybody else was granted a quorum since.
// - Proven: restored, and seen, before this attempt began, on a node whose counter, found then, was not above our fence:
//   nobody had been granted its vote meanwhile. Counts only beside a continuous one, so that a lock that was wholly lost
//   is never resurrected.
// - Of either kind, a node that was no vote of the acquisition counts only when the lease, as last extended, outlasts any
//   round that began before the node last crashed: a rival may hold a vote of it from before, and may count it for
//   longest_round() of the configured node_timeout. That crash was no later than the token was seen there, and no later
//   than the node has been up for. With a quarantine of zero the nodes forget nothing in a crash.
// Each time that a token is set is numbered by its attempt, so neither a lost reply nor a late request can pass a
// restored token off as an old one. An address that comes to lead to another server does not count any more: the tokens
// seen there before say nothing about that server, and other clients may be led to either.
class TokenRecord {
 public:
  // The lease as it stands.
  struct LeaseState {
    std::uint64_t last_success;
    TimePoint valid_until;
  };

  // `membership` must outlive this object.
  TokenRecord(const Membership& membership, Fence fence, Duration node_timeout)
      : membership_{membership}, fence_{fence}, node_timeout_{node_timeout}, nodes_(membership.nodes()) {}

  // The node voted in the acquisition.
  void voted(NodeIndex node, TimePoint asked);
  // The token is there, set by attempt `set_by`, while `newest` was the newest attempt.
  void seen(Now now, NodeIndex node, std::uint64_t set_by, Fence counter_found, std::uint64_t newest);
  // The token is not there, but this one, or none.
  void gone(Now now, NodeIndex node, const Token& other);
  const Token& other() const { return other_; }  // that was seen last
  // The nodes that counted towards the last success.
  void set_counted(const NodeSet& counted);

  // Whether the address has come to lead to another server, beside the one that answered there before. A server that has
  // restarted names itself anew, too, but has been up for less long than since that.
  bool moved(NodeIndex node) const { return nodes_[node].moved; }

  bool continuous(NodeIndex node, const LeaseState& lease) const;
  bool proven(NodeIndex node, const LeaseState& lease, std::uint64_t attempt) const;
  // A node does not count yet where the token has been restored. Until it does, the next restart may take the quorum.
  bool mends(const LeaseState& lease) const;
  // See ExtendRequest::vouches. A node on which the token was restored, or which came too late to vote, does not know our
  // fence; extensions by hand would not count it. Once it has counted for us, it may.
  Fence vouches(NodeIndex node) const;

 private:
  struct NodeToken {
    bool known = false;        // it has been seen there
    bool moved = false;        // the address leads to several servers
    std::uint64_t set_by = 0;  // the attempt that set it
    std::uint64_t since = 0;   // the newest attempt that had begun when that was first seen
    // The node's last crash was no later; none: it was a vote of the acquisition.
    std::optional<TimePoint> crashed_by;
    bool clean = true;     // the counter found when it was set was not above our fence
    Fence counter = 0;     // of the node, as it said last
    bool counted = false;  // towards the last success
    ServerId server{};     // that answered last,
    TimePoint heard{};     // and when
  };
  void hear(Now now, NodeIndex node);
  bool outlasts_rivals(const NodeToken& token, const LeaseState& lease) const;

  const Membership& membership_;
  Fence fence_;
  Duration node_timeout_;
  std::vector<NodeToken> nodes_;
  Token other_;
};

}  // namespace redlock::quorum
