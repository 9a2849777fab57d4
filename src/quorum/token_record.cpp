#include "quorum/token_record.hpp"

#include "quorum/validity.hpp"

#include <algorithm>

namespace redlock::quorum {

void TokenRecord::voted(NodeIndex node, TimePoint asked) {
  nodes_[node].known = true;
  nodes_[node].server = membership_.server_of(node);
  nodes_[node].heard = asked;
}

void TokenRecord::seen(Now now, NodeIndex node, std::uint64_t set_by, Fence counter_found,
                       std::uint64_t newest) {
  hear(now, node);
  NodeToken& token = nodes_[node];
  // Nothing but another holder, or a late request of ours behind one, raises the counter of a node that has our token.
  const bool raised = counter_found > std::max(token.counter, fence_);
  if (!token.known || token.set_by != set_by || raised) {
    token = {.known = true,
             .moved = token.moved,
             .set_by = set_by,
             .since = newest,
             .crashed_by = now.boot - membership_.least_uptime(node, now.boot),
             .clean = counter_found <= fence_,
             .server = token.server,
             .heard = token.heard};
  }
  token.counter = counter_found;
}

void TokenRecord::gone(Now now, NodeIndex node, const Token& other) {
  hear(now, node);
  nodes_[node].known = false;
  if (!other.value.empty()) other_ = other;
}

void TokenRecord::hear(Now now, NodeIndex node) {
  NodeToken& token = nodes_[node];
  const ServerId server = membership_.server_of(node);
  const bool heard_before = token.heard != TimePoint{};
  if (heard_before && token.server != server &&
      membership_.least_uptime(node, now.boot) > now.boot - token.heard) {
    token.moved = true;
  }
  token.server = server;
  token.heard = now.boot;
}

void TokenRecord::set_counted(const NodeSet& counted) {
  for (NodeIndex node = 0; node < nodes_.size(); ++node) nodes_[node].counted = counted.contains(node);
}

bool TokenRecord::continuous(NodeIndex node, const LeaseState& lease) const {
  const NodeToken& token = nodes_[node];
  return token.known && !token.moved && (!token.crashed_by || token.since < lease.last_success) &&
         outlasts_rivals(token, lease);
}

bool TokenRecord::proven(NodeIndex node, const LeaseState& lease, std::uint64_t attempt) const {
  const NodeToken& token = nodes_[node];
  return token.known && !token.moved && token.since < attempt && token.clean && outlasts_rivals(token, lease);
}

// A rival may have been granted this node's vote just before a crash that wiped out every trace of it, and still be
// waiting for others. As long as the lease as it stands (its last success, other nodes) outlasts the rival's round, it
// excludes the rival.
bool TokenRecord::outlasts_rivals(const NodeToken& token, const LeaseState& lease) const {
  return !token.crashed_by || membership_.quarantine() == Duration::zero() ||
         *token.crashed_by + longest_round(node_timeout_) <= lease.valid_until;
}

bool TokenRecord::mends(const LeaseState& lease) const {
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    const NodeToken& token = nodes_[node];
    if (token.known && !token.moved && token.set_by != 0 && !continuous(node, lease)) return true;
  }
  return false;
}

Fence TokenRecord::vouches(NodeIndex node) const {
  const NodeToken& token = nodes_[node];
  return token.known && token.crashed_by && token.counted ? token.counter : 0;
}

}  // namespace redlock::quorum
