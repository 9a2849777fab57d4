#include "quorum/lease.hpp"

#include "quorum/validity.hpp"

#include <algorithm>
#include <utility>

namespace redlock::quorum {
namespace {

constexpr Duration kLeastBackoff = std::chrono::milliseconds{5};
constexpr int kUsualPart = 3;  // of the TTL, from a success to the next attempt
constexpr int kMendingPart =
    12;  // the same, while a node that lost the token has it again, and does not count yet

// When the round that won began.
TimePoint asked_at(const Won& won, const LeaseRules& rules) {
  return won.valid_until - (validity_end(TimePoint{}, rules.ttl) - TimePoint{});
}

// An attempt that has had no success for so long has failed, though its answers may still come: a node that hangs must
// leave room for another one.
Duration failed_after(const LeaseRules& rules) {
  return std::min(rules.node_timeout, Duration{rules.ttl} / 4);
}

}  // namespace

Lease::Lease(const LeaseRules& rules, const Membership& membership, const Won& won, RequestIds& ids,
             Entropy& entropy)
    : rules_{rules},
      membership_{membership},
      ids_{ids},
      entropy_{entropy},
      request_{.token = won.token,
               .ttl = rules.ttl,
               .fence = won.fence,
               .attempt = 0,
               .repair = true,
               .slot = won.slot},
      lease_{.last_success = 0, .valid_until = won.valid_until},
      tokens_{membership, won.fence, rules.node_timeout},
      next_attempt_{asked_at(won, rules) + Duration{rules.ttl} / kUsualPart} {
  for (const NodeIndex node : won.voters) tokens_.voted(node, asked_at(won, rules));
}

bool Lease::ExtendAttempt::any(ExtendAnswer answer) const {
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](const NodeAnswer& node) { return node.answer == answer; });
}

TimePoint Lease::deadline() const {
  return lost_ ? TimePoint::max() : std::min(next_attempt_, give_up_at());
}

std::vector<Send> Lease::on_time(Now now) {
  if (!lost_ && now.boot >= give_up_at()) lost_ = Expired{};
  if (lost_ || now.boot < next_attempt_) return {};
  if (attempts_.empty() || attempts_.back().decided) return begin(now);
  fail(now);
  return {};
}

std::vector<Send> Lease::begin(Now now) {
  ExtendAttempt& attempt =
      attempts_.emplace_back(ExtendAttempt{.number = ++attempt_, .began = now.boot, .nodes = {}});
  next_attempt_ = now.boot + failed_after(rules_);
  request_.attempt = attempt.number;
  std::vector<Send> sends;
  for (NodeIndex node = 0; node < membership_.nodes(); ++node) {
    request_.vouches = tokens_.vouches(node);
    attempt.nodes.push_back({.id = ids_.next()});
    sends.push_back({node, attempt.nodes.back().id, request_, lease_.valid_until});
  }
  return sends;
}

std::vector<Send> Lease::on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  const auto attempt = std::find_if(attempts_.begin(), attempts_.end(), [&](const ExtendAttempt& each) {
    return each.nodes[node].id == id && each.nodes[node].answer == ExtendAnswer::Awaited;
  });
  if (lost_ || attempt == attempts_.end()) return {};
  attempt->nodes[node].answer = read(now, node, *attempt, reply);
  attempt->nodes[node].server = membership_.server_of(node);
  if (lost_) return {};
  // After the success of its attempt, or of a later one, an answer decides nothing any more, but tells of the node; one
  // that has just been repaired is put to use soon.
  if (attempt->number > lease_.last_success) {
    judge(now, *attempt);
  } else if (attempts_.back().decided && tokens_.mends(lease_)) {
    next_attempt_ = std::min(next_attempt_, now.boot + Duration{rules_.ttl} / kMendingPart);
  }
  std::erase_if(attempts_, [&](const ExtendAttempt& each) {
    return each.number <= lease_.last_success && !each.any(ExtendAnswer::Awaited);
  });
  return {};
}

Lease::ExtendAnswer Lease::read(Now now, NodeIndex node, const ExtendAttempt& attempt, const Reply& reply) {
  if (const auto* extended = std::get_if<Extended>(&reply)) {
    tokens_.seen(now, node, extended->set_by, extended->counter, attempt_);
    return ExtendAnswer::Here;
  }
  if (const auto* restored = std::get_if<Restored>(&reply)) {
    tokens_.seen(now, node, attempt.number, restored->counter, attempt_);
    return ExtendAnswer::Nothing;
  }
  const auto* not_ours = std::get_if<NotOurs>(&reply);
  if (not_ours == nullptr) return ExtendAnswer::Failed;
  // The first node that says so is enough: nobody else knows the token, and a release goes to all nodes.
  if (not_ours->released) lost_ = ReleasedByHand{};
  if (not_ours->broken) lost_ = Broken{};
  tokens_.gone(now, node, not_ours->holder);
  return not_ours->holder.value.empty() ? ExtendAnswer::Nothing : ExtendAnswer::Elsewhere;
}

void Lease::judge(Now now, const ExtendAttempt& attempt) {
  if (now.boot >= give_up_at()) {  // an answer that comes this late is none
    lost_ = Expired{};
    return;
  }
  NodeSet counted;
  NodeSet elsewhere;
  bool any_continuous = false;
  for (NodeIndex node = 0; node < attempt.nodes.size(); ++node) {
    const NodeAnswer& said = attempt.nodes[node];
    if (said.answer == ExtendAnswer::Elsewhere) elsewhere.add(node, said.server);
    if (said.answer != ExtendAnswer::Here) continue;
    const bool continuous = tokens_.continuous(node, lease_);
    any_continuous = any_continuous || continuous;
    if (continuous || tokens_.proven(node, lease_, attempt.number)) counted.add(node, said.server);
  }
  if (any_continuous && membership_.is_quorum(counted)) {
    tokens_.set_counted(counted);
    succeed(attempt);
  } else if (membership_.is_quorum(elsewhere)) {
    lost_ = Taken{tokens_.other()};
  } else if (attempt.any(ExtendAnswer::Awaited)) {
    return;
  } else if (!any_continuous && !attempt.any(ExtendAnswer::Failed)) {
    if (elsewhere.empty()) {
      lost_ = Vanished{};
    } else {
      lost_ = Taken{tokens_.other()};
    }
  } else if (!attempt.decided) {
    fail(now);
  }
}

// Nothing better can come of the attempts before it; those after it may succeed yet, and are no failures if they do not.
void Lease::succeed(const ExtendAttempt& attempt) {
  failures_in_a_row_ = 0;
  lease_ = {.last_success = attempt.number,
            .valid_until = std::max(lease_.valid_until, validity_end(attempt.began, rules_.ttl))};
  // An attempt that has begun meanwhile will do for now.
  const int part = tokens_.mends(lease_) ? kMendingPart : kUsualPart;
  next_attempt_ = attempts_.back().began + Duration{rules_.ttl} / part;
  for (ExtendAttempt& each : attempts_) each.decided = true;
}

// The newest attempt: no other is undecided. That is no loss: again soon, and less often the longer it lasts.
void Lease::fail(Now now) {
  attempts_.back().decided = true;
  ++failures_in_a_row_;
  const Duration base = std::max(Duration{rules_.ttl} / 60, kLeastBackoff);
  const Duration most = std::max(Duration{rules_.ttl} / 12, kLeastBackoff);
  const Duration backoff = std::min(base * (1U << std::min(failures_in_a_row_ - 1, 5U)), most);
  next_attempt_ = now.boot + times(backoff, 0.75 + 0.5 * entropy_.unit());
}

}  // namespace redlock::quorum
