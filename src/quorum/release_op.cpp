#include "quorum/release_op.hpp"

namespace redlock::quorum {

std::vector<Send> ReleaseOp::start(Now now) {
  began_ = now.boot;
  return open_.begin_all(release_, now.boot + node_timeout_, ids_);
}

std::vector<Send> ReleaseOp::on_reply(Now, NodeIndex node, RequestId id, const Reply& reply) {
  if (!open_.end(node, id)) return {};
  if (const auto* released = std::get_if<Released>(&reply)) {
    const ServerId server = membership_.server_of(node);
    const bool there = released->was_ours || released->held_by_other;
    if (!(there ? membership_.counts_as_there(node, began_) : membership_.counts_as_absent(node, began_)))
      return {};
    answered_.add(node, server);
    if (released->was_ours) had_ours_.add(node, server);
    if (released->by_hand) by_hand_ = true;
    if (released->held_by_other) other_ = released->info;
  }
  return {};
}

ReleaseResult ReleaseOp::result() const {
  if (membership_.is_quorum(had_ours_)) return ReleaseResult::Ours;
  if (!membership_.is_quorum(answered_)) return ReleaseResult::NoQuorum;
  return other_ ? ReleaseResult::Others : ReleaseResult::Expired;
}

}  // namespace redlock::quorum
