#pragma once

#include "quorum/types.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace redlock::quorum {

// Whether a node's grant counts.
enum class VoteEligibility {
  Voter,
  Quarantined,  // it restarted lately and may have forgotten a lock
  Replica,      // its master decides, and it may lag
  ClusterMode,  // its keys move between servers
  Sentinel      // it keeps no keys
};

// Which nodes have a vote, by what they say about themselves on each connection (DESIGN section 3, "Restarted
// nodes"). Lives as long as the connections do, over all attempts and extensions.
class Membership {
 public:
  // A node that has been up for less than `quarantine` has no vote. It must be no less than the largest TTL
  // in use.
  Membership(std::size_t nodes, Duration quarantine) : quarantine_{quarantine}, known_(nodes) {}

  std::size_t nodes() const { return known_.size(); }
  std::size_t quorum() const { return quorum_of(nodes()); }
  Duration quarantine() const { return quarantine_; }

  // A refusal has shown a holder with this TTL, or one whose key lives for so long still: where that is longer than our
  // quarantine, it is the quarantine from now on. A quarantine of zero says that the nodes forget nothing, and stays.
  void on_holder_ttl(Duration ttl);

  // Whether the node has been up for so little time that a lock may be in use whose TTL is longer, and that it may have
  // forgotten: nobody would know but the node that refuses.
  bool young(NodeIndex node, TimePoint sent) const;

  void on_identity(Now now, NodeIndex node, const Identity& identity);

  // The eligibility that a request sent at `sent` met. A node that has said nothing about itself is a voter: the
  // driver delivers an identity ahead of the first reply on each connection.
  VoteEligibility eligibility(NodeIndex node, TimePoint sent) const;

  // How long after `at` the node's quarantine ends; zero when it is over.
  Duration quarantine_left(NodeIndex node, TimePoint at) const;

  // Names one server, whichever address leads to it: a digest of its run_id, or something of its own for a node that does
  // not say who it is.
  using ServerId = std::uint64_t;
  using ServerSet = std::set<ServerId>;

  // The server that answers at this address, as of its last identity.
  ServerId server_of(NodeIndex node) const;

  // Whether these servers are a majority of the nodes. One server is one vote, however many addresses lead to it.
  bool is_quorum(const ServerSet& servers) const { return servers.size() >= quorum(); }

  // What the server at this address has been up for, at the least.
  Duration least_uptime(NodeIndex node, TimePoint at) const;

  // Two positions in the list that lead to one server process, which would count twice.
  std::optional<std::pair<NodeIndex, NodeIndex>> duplicate() const;

  // Whether the node refuses to say who it is.
  bool anonymous(NodeIndex node) const { return known_[node] && !known_[node]->identity.known; }

  // Whether the node says that it has been up for less than no time: its clock was set back behind its start. It counts
  // as one that has just restarted.
  bool clock_set_back(NodeIndex node) const {
    return known_[node] && known_[node]->identity.uptime < Duration::zero();
  }

 private:
  struct Known {
    Identity identity;
    TimePoint heard;        // on the latest connection
    TimePoint first_heard;  // of this process of the server
  };
  Duration uptime(const Known& known, TimePoint at) const;

  Duration quarantine_;
  std::vector<std::optional<Known>> known_;
};

}  // namespace redlock::quorum
