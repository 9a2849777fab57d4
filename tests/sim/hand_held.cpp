#include "hand_held.hpp"

#include <algorithm>

namespace redlock::sim {

using quorum::ExtendOp;

HandHeld::HandHeld(const quorum::LeaseRules& rules, const quorum::Won& won, quorum::Membership& membership,
                   quorum::RequestIds& ids, Entropy& entropy, Now now)
    : rules_{rules},
      token_{won.token},
      membership_{membership},
      ids_{ids},
      entropy_{entropy},
      valid_until_{won.valid_until},
      next_attempt_{now.boot + Duration{rules.ttl} / 3} {
}

TimePoint HandHeld::deadline() const {
  if (lost_) return TimePoint::max();
  return std::min(give_up_at(), extension_ ? extension_->deadline() : next_attempt_);
}

std::vector<quorum::Send> HandHeld::on_reply(Now now, quorum::NodeIndex node, quorum::RequestId id,
                                             const quorum::Reply& reply) {
  if (!extension_) return {};
  std::vector<quorum::Send> sends = extension_->on_reply(now, node, id, reply);
  judge(now);
  return sends;
}

std::vector<quorum::Send> HandHeld::on_time(Now now) {
  if (lost_) return {};
  if (now.boot >= give_up_at()) {
    lost_ = quorum::Expired{};
    return {};
  }
  std::vector<quorum::Send> sends;
  if (extension_) {
    sends = extension_->on_time(now);
  } else if (now.boot >= next_attempt_) {
    extension_.emplace(quorum::ExtendRules{.ttl = rules_.ttl, .node_timeout = rules_.node_timeout}, token_,
                       membership_, ids_);
    judged_ = false;
    sends = extension_->start(now);
  }
  judge(now);
  return sends;
}

void HandHeld::judge(Now now) {
  if (!extension_ || !extension_->verdict() || lost_) return;
  if (!judged_) {
    judged_ = true;
    if (now.boot >= give_up_at()) {
      lost_ = quorum::Expired{};
      return;
    }
    const quorum::ExtendVerdict& verdict = *extension_->verdict();
    if (const auto* extended = std::get_if<quorum::LeaseExtended>(&verdict)) {
      ++successes_;
      valid_until_ = std::max(valid_until_, extended->valid_until);
      next_attempt_ = now.boot + Duration{rules_.ttl} / 3;
    } else if (std::holds_alternative<quorum::NoQuorum>(verdict)) {
      next_attempt_ = now.boot + Duration{rules_.ttl} / 12 +
                      std::chrono::duration_cast<Duration>(Duration{rules_.ttl} / 24 * entropy_.unit());
    } else {
      lost_ = quorum::Vanished{};
    }
  }
  if (extension_->done()) extension_.reset();
}

}  // namespace redlock::sim
