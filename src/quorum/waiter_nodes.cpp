#include "quorum/waiter_nodes.hpp"

#include <algorithm>

namespace redlock::quorum {

void WaiterNodes::move_home() {
  for (NodeIndex step = 1; step <= nodes_.size(); ++step) {
    const NodeIndex next = (home_ + step) % nodes_.size();
    if (!nodes_[next].answers || !nodes_[next].queues) continue;
    home_ = next;
    return;
  }
}

void WaiterNodes::on_votes(TimePoint now, const NodeVotes& votes) {
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Refused* refused = votes[i].refused();
    const bool free = votes[i].granted() != nullptr || votes[i].free();
    nodes_[i].answers = free || refused != nullptr;
    nodes_[i].queues = refused != nullptr && refused->position.has_value();
    nodes_[i].expires = free ? now : TimePoint::max();
    if (refused == nullptr) continue;
    nodes_[i].expires = now;
    refused->each_name([&](const Refused& name) {  // until the last of them falls free
      nodes_[i].expires = std::max(nodes_[i].expires, end_of(now, name.remaining));
    });
    if (!votes[i].slots.empty()) nodes_[i].expires = TimePoint::max();
    for (const Refused& slot : votes[i].slots)  // until the first does
      nodes_[i].expires = std::min(nodes_[i].expires, end_of(now, slot.remaining));
  }
}

void WaiterNodes::set_expiry(TimePoint expires) {
  for (WaiterNode& node : nodes_) node.expires = expires;
}

void WaiterNodes::forget_told() {
  for (WaiterNode& node : nodes_) node.told = false;
}

TimePoint WaiterNodes::expires() const {
  std::vector<Membership::Later> ends;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].expires != TimePoint::max())
      ends.push_back({.after = nodes_[i].expires.time_since_epoch(), .node = i});
  }
  const auto end = membership_.quorum_after({}, ends);
  return end ? TimePoint{*end} : TimePoint::max();
}

std::optional<NodeIndex> WaiterNodes::next_to_ask(Probe what) {
  NodeIndex& last = what == Probe::Holder ? polled_ : asked_;
  for (NodeIndex step = 0; step < nodes_.size(); ++step) {
    last = (last + 1) % nodes_.size();
    const WaiterNode& node = nodes_[last];
    if ((node.answers || what == Probe::Holder) && node.asked == Asked::Nothing) return last;
  }
  return std::nullopt;
}

}  // namespace redlock::quorum
