#pragma once

#include "quorum/seen_holders.hpp"
#include "quorum/types.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace redlock::quorum {

// Whether a node's grant counts.
enum class VoteEligibility {
  Voter,
  Quarantined,  // it restarted lately and may have forgotten a lock
  Replica,      // its master decides, and it may lag
  ClusterMode,  // its keys move between servers
  Sentinel,     // it keeps no keys
  Anonymous     // it does not say whether it is in cluster mode
};

// Some of the nodes, each with the server that answered there. Membership says whether they are a quorum.
class NodeSet {
 public:
  void add(NodeIndex node, ServerId server) { members_.emplace_back(node, server); }  // each node once
  void add(const NodeSet& others);
  bool contains(NodeIndex node) const;
  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }
  // One server is one vote, however many addresses lead to it.
  std::size_t votes() const;

 private:
  std::vector<std::pair<NodeIndex, ServerId>> members_;
};

// How many votes make a quorum, for messages. Whether a set of nodes is one, only Membership::is_quorum() says.
constexpr std::size_t votes_needed(std::size_t nodes) {
  return nodes / 2 + 1;
}

// The nodes, what they say about themselves on each connection, which of them have a vote (DESIGN section 3, "Restarted
// nodes"), and which sets of them are a quorum. Lives as long as the connections do, over all attempts and extensions.
class Membership {
 public:
  // A node that has been up for less than `quarantine` has no vote. It must be no less than the largest TTL
  // in use. `one_slot`: in cluster mode, too, a server would take the requests, since all keys are in one slot: then a node
  // that does not say whether it is in that mode has no vote.
  Membership(std::size_t nodes, Duration quarantine, bool one_slot = false)
      : quarantine_{quarantine}, one_slot_{one_slot}, known_(nodes) {}

  std::size_t nodes() const { return known_.size(); }

  // Any two quorums share a server. All questions of this kind are asked here; "no quorum any more" is the question
  // whether the nodes that are left form one.
  bool is_quorum(const NodeSet& set) const;

  // The nodes to which `belongs(node)` applies, with the servers that answer there by now.
  template <class Belongs>
  NodeSet nodes_where(Belongs belongs) const {
    NodeSet set;
    for (NodeIndex node = 0; node < nodes(); ++node) {
      if (belongs(node)) set.add(node, server_of(node));
    }
    return set;
  }

  // A node that falls free, or does the like, after some time.
  struct Later {
    Duration after;
    NodeIndex node;
  };
  // After what time the nodes of `now`, joined by each of `later` in its time, are a quorum; none: never.
  std::optional<Duration> quorum_after(NodeSet now, std::vector<Later> later) const;

  // An answer to an acquire or probe request that was sent at `sent`; null for one that is no refusal. A holder that a
  // refusal shows may have a longer TTL than our quarantine. That TTL is then the quarantine for as long as it may have the
  // lock: a node that restarted may have forgotten its vote for it. A quarantine of zero says that the nodes forget nothing.
  void on_answer(Now now, TimePoint sent, NodeIndex node, const Refused* refused);
  // As configured.
  Duration quarantine() const { return quarantine_; }
  // As it was for a request sent at `sent`.
  Duration quarantine(TimePoint sent) const;

  // Whether the node has been up for so little time that a lock may be in use whose TTL is longer, and that it may have
  // forgotten: only the node that refuses knows of it.
  bool young(NodeIndex node, TimePoint sent) const;

  void on_identity(Now now, NodeIndex node, const Identity& identity);

  // What a request sent at `sent` met. A node that has said nothing about itself is a voter: the driver delivers an
  // identity ahead of the first reply on each connection.
  VoteEligibility eligibility(NodeIndex node, TimePoint sent) const;

  // Whether it counts that the node has a key, or that it has not. A node in quarantine may have forgotten a key, but one
  // that it has is there; what a replica has may not be what its master has.
  bool counts_as_there(NodeIndex node, TimePoint sent) const;
  bool counts_as_absent(NodeIndex node, TimePoint sent) const {
    return eligibility(node, sent) == VoteEligibility::Voter;
  }

  // The nodes that are voters for a request sent at `at`.
  NodeSet voters(TimePoint at) const {
    return nodes_where([&](NodeIndex node) { return eligibility(node, at) == VoteEligibility::Voter; });
  }

  // How long after `at` the node's quarantine ends; zero when it is over.
  Duration quarantine_left(NodeIndex node, TimePoint at) const;

  // The server that answers at this address, as of its last identity.
  ServerId server_of(NodeIndex node) const { return known_[node] ? known_[node]->server : node; }

  // What the server at this address has been up for, at the least.
  Duration least_uptime(NodeIndex node, TimePoint at) const;

  // Two positions in the list that lead to one server process.
  std::optional<std::pair<NodeIndex, NodeIndex>> duplicate() const;

  // Whether the node refuses to say who it is.
  bool anonymous(NodeIndex node) const { return known_[node] && !known_[node]->identity.known; }

  // Whether the node says that it has been up for less than no time: its clock was set back behind its start. It counts
  // as one that has just restarted.
  bool clock_set_back(NodeIndex node) const {
    return known_[node] && known_[node]->identity.uptime < Duration::zero();
  }

 private:
  struct KnownNode {
    Identity identity;
    ServerId server;
    TimePoint heard;        // on the latest connection
    TimePoint first_heard;  // of this process of the server
  };
  Duration uptime(const KnownNode& known, TimePoint at) const;

  Duration quarantine_;
  bool one_slot_;
  SeenHolders seen_;
  std::vector<std::optional<KnownNode>> known_;
};

}  // namespace redlock::quorum
