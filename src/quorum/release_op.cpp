#include "quorum/release_op.hpp"

namespace redlock::quorum {

std::vector<Send> ReleaseOp::start(Now now) {
  std::vector<Send> sends;
  for (NodeIndex node = 0; node < membership_.nodes(); ++node) {
    sends.push_back({.node = node,
                     .id = open_.begin(node, ids_),
                     .request = release_,
                     .deadline = now.boot + node_timeout_});
  }
  return sends;
}

std::vector<Send> ReleaseOp::on_reply(Now, NodeIndex node, RequestId id, const Reply& reply) {
  if (!open_.end(node, id)) return {};
  if (const auto* released = std::get_if<Released>(&reply)) {
    answered_.add(node, membership_.server_of(node));
    if (released->was_ours) had_ours_.add(node, membership_.server_of(node));
    if (released->held_by_other) other_ = released->info;
  }
  return {};
}

std::vector<Send> ReleaseOp::on_failure(Now, NodeIndex node, RequestId id, const Failure&) {
  open_.end(node, id);
  return {};
}

ReleaseResult ReleaseOp::result() const {
  if (membership_.is_quorum(had_ours_)) return ReleaseResult::Ours;
  if (!membership_.is_quorum(answered_)) return ReleaseResult::NoQuorum;
  return other_ ? ReleaseResult::Others : ReleaseResult::Expired;
}

}  // namespace redlock::quorum
