#include "quorum/releasing.hpp"

#include <algorithm>

namespace redlock::quorum {

std::vector<Send> Releasing::start(Now now) {
  std::vector<Send> sends;
  sends.reserve(votes_.size());
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    votes_[node].id = ids_.next();
    sends.push_back(
        {.node = node, .id = votes_[node].id, .request = release_, .deadline = now.boot + node_timeout_});
  }
  return sends;
}

std::vector<Send> Releasing::on_reply(Now, NodeIndex node, RequestId id, const Reply& reply) {
  Vote& vote = votes_[node];
  if (vote.outcome != Outcome::Pending || vote.id != id) return {};
  const auto* released = std::get_if<Released>(&reply);
  if (released == nullptr) {
    vote.outcome = Outcome::Failed;
  } else if (released->was_ours) {
    vote.outcome = Outcome::WasOurs;
  } else {
    vote.outcome = released->held_by_other ? Outcome::WasOthers : Outcome::WasAbsent;
    if (released->held_by_other) other_ = released->info;
  }
  return {};
}

std::vector<Send> Releasing::on_failure(Now, NodeIndex node, RequestId id, const Failure&) {
  Vote& vote = votes_[node];
  if (vote.outcome == Outcome::Pending && vote.id == id) vote.outcome = Outcome::Failed;
  return {};
}

bool Releasing::done() const {
  const std::size_t pending = count(Outcome::Pending);
  const std::size_t answered = votes_.size() - pending - count(Outcome::Failed);
  return pending == 0 || answered >= quorum_of(votes_.size());
}

Releasing::Result Releasing::result() const {
  const std::size_t quorum = quorum_of(votes_.size());
  const std::size_t ours = count(Outcome::WasOurs);
  const std::size_t others = count(Outcome::WasOthers);
  const std::size_t answered = ours + others + count(Outcome::WasAbsent);
  if (ours >= quorum) return Result::Ours;
  if (answered < quorum) return Result::NoQuorum;
  return others > 0 ? Result::Others : Result::Expired;
}

std::size_t Releasing::count(Outcome outcome) const {
  return static_cast<std::size_t>(
      std::count_if(votes_.begin(), votes_.end(), [&](const Vote& vote) { return vote.outcome == outcome; }));
}

}  // namespace redlock::quorum
