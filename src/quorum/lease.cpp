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

}  // namespace

Lease::Lease(const LeaseRules& rules, const Membership& membership, const Won& won, RequestIds& ids,
             Entropy& entropy)
    : rules_{rules},
      membership_{membership},
      ids_{ids},
      entropy_{entropy},
      token_{won.token},
      fence_{won.fence},
      valid_until_{won.valid_until},
      next_attempt_{asked_at(won, rules) + Duration{rules.ttl} / 3},
      sights_(membership.nodes()) {
  for (const NodeIndex node : won.voters) {
    sights_[node].known = true;
    sights_[node].server = membership.server_of(node);
    sights_[node].heard = asked_at(won, rules);
  }
}

// A node that hangs must leave room for another attempt.
Duration Lease::another_after() const {
  return std::min(rules_.node_timeout, Duration{rules_.ttl} / 4);
}

// An attempt that has had no success for so long is told as a failure, though its answers may still come.
Duration Lease::failed_after() const {
  return std::min(rules_.node_timeout, Duration{rules_.ttl} / 3);
}

TimePoint Lease::deadline() const {
  if (lost_) return TimePoint::max();
  TimePoint next = std::min(next_attempt_, give_up_at());
  for (const ExtendAttempt& attempt : attempts_) {
    if (!attempt.decided) next = std::min(next, attempt.began + failed_after());
  }
  return next;
}

std::vector<Send> Lease::on_time(Now now) {
  if (lost_) return {};
  if (now.boot >= give_up_at()) {
    lose(Expired{});
    return {};
  }
  for (ExtendAttempt& attempt : attempts_) {
    if (!attempt.decided && now.boot >= attempt.began + failed_after()) fail(now, attempt);
  }
  return now.boot >= next_attempt_ ? begin(now) : std::vector<Send>{};
}

std::vector<Send> Lease::begin(Now now) {
  ExtendAttempt& attempt = attempts_.emplace_back(ExtendAttempt{
      .number = ++attempt_, .began = now.boot, .votes = std::vector<NodeExtension>(sights_.size())});
  next_attempt_ = now.boot + another_after();
  std::vector<Send> sends;
  sends.reserve(sights_.size());
  for (NodeIndex node = 0; node < sights_.size(); ++node) {
    attempt.votes[node].id = ids_.next();
    sends.push_back({.node = node,
                     .id = attempt.votes[node].id,
                     .request = ExtendRequest{.token = token_,
                                              .ttl = rules_.ttl,
                                              .fence = fence_,
                                              .attempt = attempt.number,
                                              .repair = true,
                                              .vouches = vouches(sights_[node])},
                     .deadline = valid_until_});
  }
  return sends;
}

std::vector<Send> Lease::on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  if (ExtendAttempt* attempt = asked_by(node, id)) {
    NodeExtension& vote = attempt->votes[node];
    vote.outcome = read(now, node, *attempt, reply);
    vote.server = membership_.server_of(node);
    if (!lost_) weigh(now, *attempt);
  }
  return {};
}

std::vector<Send> Lease::on_failure(Now now, NodeIndex node, RequestId id, const Failure&) {
  if (ExtendAttempt* attempt = asked_by(node, id)) {
    attempt->votes[node].outcome = ExtendOutcome::Failed;
    weigh(now, *attempt);
  }
  return {};
}

// The attempt that waits for this answer; none once the lease is lost.
Lease::ExtendAttempt* Lease::asked_by(NodeIndex node, RequestId id) {
  const auto found = std::find_if(attempts_.begin(), attempts_.end(), [&](const ExtendAttempt& attempt) {
    return attempt.votes[node].id == id && attempt.votes[node].outcome == ExtendOutcome::Pending;
  });
  return lost_ || found == attempts_.end() ? nullptr : &*found;
}

// What comes after the success of its attempt, or of a later one, decides nothing any more, but tells of the node; one that
// has just been repaired is put to use soon.
void Lease::weigh(Now now, ExtendAttempt& attempt) {
  if (attempt.number > last_success_) {
    judge(now, attempt);
  } else if (mends()) {
    next_attempt_ = std::min(next_attempt_, now.boot + Duration{rules_.ttl} / kMendingPart);
  }
  std::erase_if(attempts_, [&](const ExtendAttempt& each) {
    return each.number <= last_success_ && count(each, ExtendOutcome::Pending) == 0;
  });
}

Lease::ExtendOutcome Lease::read(Now now, NodeIndex node, const ExtendAttempt& attempt, const Reply& reply) {
  using enum ExtendOutcome;
  if (const auto* extended = std::get_if<Extended>(&reply)) {
    saw(now, node, extended->set_by, extended->counter);
    return Here;
  }
  if (const auto* restored = std::get_if<Restored>(&reply)) {
    saw(now, node, attempt.number, restored->counter);
    return Planted;
  }
  const auto* not_ours = std::get_if<NotOurs>(&reply);
  if (not_ours == nullptr) return Failed;
  // The first node that says so is enough: nobody else knows the token, and a release goes to all nodes.
  if (not_ours->broken) {
    lose(Broken{});
  } else if (not_ours->released) {
    lose(ReleasedByHand{});
  }
  sights_[node].known = false;
  if (not_ours->holder.value.empty()) return Absent;
  other_ = not_ours->holder;
  return Elsewhere;
}

void Lease::saw(Now now, NodeIndex node, std::uint64_t set_by, Fence counter_found) {
  Sight& sight = sights_[node];
  // Nobody but another holder, or a late request of ours behind one, raises the counter of a node while our token is there.
  const bool again = counter_found > std::max(sight.counter, fence_);
  if (!sight.known || sight.set_by != set_by || again || moved(now, node)) {
    sight = {.known = true,
             .set_by = set_by,
             .since = attempt_,
             .crashed_by = now.boot - membership_.least_uptime(node, now.boot),
             .clean = counter_found <= fence_};
  }
  sight.counter = counter_found;
  sight.server = membership_.server_of(node);
  sight.heard = now.boot;
}

// A node on which the token has been planted again, or which came too late to vote, does not know our fence; extensions by
// hand would not count it. Once it has counted for us, it may.
Fence Lease::vouches(const Sight& sight) {
  return sight.known && sight.crashed_by && sight.counted ? sight.counter : 0;
}

// Whether the address leads to another server than the one on which the token was seen last. A server that has restarted
// since names itself anew, too, but has been up for less long than that is ago.
bool Lease::moved(Now now, NodeIndex node) const {
  const Sight& sight = sights_[node];
  return sight.server != membership_.server_of(node) &&
         membership_.least_uptime(node, now.boot) > now.boot - sight.heard;
}

bool Lease::continuous(const Sight& sight) const {
  return (!sight.crashed_by || sight.since < last_success_) && ripe(sight);
}

bool Lease::proven(const Sight& sight, const ExtendAttempt& attempt) const {
  return sight.since < attempt.number && sight.clean && ripe(sight);
}

// A rival may have been granted this node's vote just before a crash that wiped out every trace of it, and
// still be waiting for others: until its round ends it may count that vote. As long as the lease as it stands (its last
// success, other nodes) outlasts that round, it excludes the rival.
bool Lease::ripe(const Sight& sight) const {
  return !sight.crashed_by || membership_.quarantine() == Duration::zero() ||
         *sight.crashed_by + longest_round(rules_.node_timeout) <= valid_until_;
}

void Lease::judge(Now now, ExtendAttempt& attempt) {
  if (now.boot >= give_up_at()) {  // an answer that comes this late is none
    lose(Expired{});
    return;
  }
  using enum ExtendOutcome;
  NodeSet counted_votes;
  NodeSet elsewhere;
  std::vector<bool> counting(sights_.size());
  bool any_continuous = false;
  for (NodeIndex node = 0; node < sights_.size(); ++node) {
    const NodeExtension& vote = attempt.votes[node];
    if (vote.outcome == Elsewhere) elsewhere.add(node, vote.server);
    if (vote.outcome != Here || !sights_[node].known) continue;
    const bool unbroken = continuous(sights_[node]);
    const bool counts = unbroken || proven(sights_[node], attempt);
    any_continuous = any_continuous || unbroken;
    if (counts) counted_votes.add(node, vote.server);
    counting[node] = counts;
  }
  if (any_continuous && membership_.is_quorum(counted_votes)) {
    for (NodeIndex node = 0; node < sights_.size(); ++node) sights_[node].counted = counting[node];
    return succeed(attempt);
  }
  if (membership_.is_quorum(elsewhere)) return lose(Taken{other_});
  if (count(attempt, Pending) > 0) return;
  if (!any_continuous && count(attempt, Failed) == 0) {
    if (elsewhere.empty()) return lose(Vanished{});
    return lose(Taken{other_});
  }
  if (!attempt.decided) fail(now, attempt);
}

// Nothing better can come of those before it; those after it may succeed yet, and are no failures if they do not.
void Lease::succeed(const ExtendAttempt& attempt) {
  failures_in_a_row_ = 0;
  last_success_ = attempt.number;
  valid_until_ = std::max(valid_until_, validity_end(attempt.began, rules_.ttl));
  // An attempt that has begun meanwhile will do for now.
  next_attempt_ = attempts_.back().began + Duration{rules_.ttl} / (mends() ? kMendingPart : kUsualPart);
  for (ExtendAttempt& each : attempts_) each.decided = true;
}

// Whether a node on which the token has been planted again does not count yet. Until it does, the next restart may take the
// quorum.
bool Lease::mends() const {
  return std::any_of(sights_.begin(), sights_.end(), [&](const Sight& sight) {
    return sight.known && sight.set_by != 0 && !continuous(sight);
  });
}

// A failed attempt is not a loss: again soon, and less often the longer it lasts.
void Lease::fail(Now now, ExtendAttempt& attempt) {
  attempt.decided = true;
  ++failures_in_a_row_;
  if (attempt.number != attempt_) return;
  const Duration base = std::max(Duration{rules_.ttl} / 60, kLeastBackoff);
  const Duration most = std::max(Duration{rules_.ttl} / 12, kLeastBackoff);
  const Duration backoff = std::min(base * (1U << std::min(failures_in_a_row_ - 1, 5U)), most);
  next_attempt_ = now.boot + times(backoff, 0.75 + 0.5 * entropy_.unit());
}

std::size_t Lease::count(const ExtendAttempt& attempt, ExtendOutcome outcome) {
  return static_cast<std::size_t>(
      std::count_if(attempt.votes.begin(), attempt.votes.end(),
                    [&](const NodeExtension& vote) { return vote.outcome == outcome; }));
}

void Lease::lose(Loss loss) {
  lost_ = std::move(loss);
}

}  // namespace redlock::quorum
