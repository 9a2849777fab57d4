#include "quorum/release_op.hpp"

#include <algorithm>

namespace redlock::quorum {

std::vector<Send> ReleaseOp::start(Now now) {
  std::vector<Send> sends;
  sends.reserve(votes_.size());
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    votes_[node].id = ids_.next();
    sends.push_back(
        {.node = node, .id = votes_[node].id, .request = release_, .deadline = now.boot + node_timeout_});
  }
  return sends;
}

std::vector<Send> ReleaseOp::on_reply(Now, NodeIndex node, RequestId id, const Reply& reply) {
  NodeRelease& vote = votes_[node];
  if (vote.outcome != ReleaseOutcome::Pending || vote.id != id) return {};
  const auto* released = std::get_if<Released>(&reply);
  if (released == nullptr) {
    vote.outcome = ReleaseOutcome::Failed;
  } else if (released->was_ours) {
    vote.outcome = ReleaseOutcome::WasOurs;
  } else {
    vote.outcome = released->held_by_other ? ReleaseOutcome::WasOthers : ReleaseOutcome::WasAbsent;
    if (released->held_by_other) other_ = released->info;
  }
  return {};
}

std::vector<Send> ReleaseOp::on_failure(Now, NodeIndex node, RequestId id, const Failure&) {
  NodeRelease& vote = votes_[node];
  if (vote.outcome == ReleaseOutcome::Pending && vote.id == id) vote.outcome = ReleaseOutcome::Failed;
  return {};
}

bool ReleaseOp::done() const {
  const std::size_t pending = count(ReleaseOutcome::Pending);
  const std::size_t answered = votes_.size() - pending - count(ReleaseOutcome::Failed);
  return pending == 0 || answered >= quorum_of(votes_.size());
}

ReleaseResult ReleaseOp::result() const {
  const std::size_t quorum = quorum_of(votes_.size());
  const std::size_t ours = count(ReleaseOutcome::WasOurs);
  const std::size_t others = count(ReleaseOutcome::WasOthers);
  const std::size_t answered = ours + others + count(ReleaseOutcome::WasAbsent);
  if (ours >= quorum) return ReleaseResult::Ours;
  if (answered < quorum) return ReleaseResult::NoQuorum;
  return others > 0 ? ReleaseResult::Others : ReleaseResult::Expired;
}

std::size_t ReleaseOp::count(ReleaseOutcome outcome) const {
  return static_cast<std::size_t>(std::count_if(
      votes_.begin(), votes_.end(), [&](const NodeRelease& vote) { return vote.outcome == outcome; }));
}

}  // namespace redlock::quorum
