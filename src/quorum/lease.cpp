#include "quorum/lease.hpp"

#include "quorum/validity.hpp"

#include <algorithm>
#include <utility>

namespace redlock::quorum {
namespace {

constexpr Duration kLeastBackoff = std::chrono::milliseconds{5};

// When the round that won began.
TimePoint asked_at(const Won& won, const LeaseRules& rules) {
  return won.valid_until - (validity_end(TimePoint{}, rules.ttl) - TimePoint{});
}

}  // namespace

Lease::Lease(const LeaseRules& rules, std::size_t nodes, const Won& won, RequestIds& ids, Entropy& entropy,
             Now now)
    : rules_{rules},
      ids_{ids},
      entropy_{entropy},
      token_{won.token},
      fence_{won.fence},
      valid_until_{won.valid_until},
      next_attempt_{std::max(now.boot, asked_at(won, rules) + Duration{rules.ttl} / 3)},
      votes_(nodes) {
  for (const NodeIndex node : won.voters) votes_[node].known = true;
}

TimePoint Lease::deadline() const {
  if (lost_) return TimePoint::max();
  return decided_ ? std::min(next_attempt_, give_up_at()) : give_up_at();
}

std::vector<Send> Lease::on_time(Now now) {
  if (lost_) return {};
  if (now.boot >= give_up_at()) {
    lose(Expired{});
    return {};
  }
  return decided_ && now.boot >= next_attempt_ ? attempt(now) : std::vector<Send>{};
}

std::vector<Send> Lease::attempt(Now now) {
  ++attempt_;
  began_ = now.boot;
  decided_ = false;
  // A node that hangs must leave room for another attempt.
  const Duration allowed = std::min(rules_.node_timeout, Duration{rules_.ttl} / 4);
  std::vector<Send> sends;
  sends.reserve(votes_.size());
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    votes_[node].id = ids_.next();
    votes_[node].outcome = Outcome::Pending;
    sends.push_back(
        {.node = node,
         .id = votes_[node].id,
         .request =
             Extend{.token = token_, .ttl = rules_.ttl, .fence = fence_, .attempt = attempt_, .repair = true},
         .deadline = std::min(now.boot + allowed, valid_until_)});
  }
  return sends;
}

std::vector<Send> Lease::on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  Vote& vote = votes_[node];
  if (lost_ || vote.outcome != Outcome::Pending || vote.id != id) return {};
  const auto seen = [&](std::uint64_t planted, Fence counter_found) {
    if (vote.known && vote.planted == planted) return;
    vote = Vote{.known = true,
                .planted = planted,
                .since = attempt_,
                .seen_at = now.boot,
                .clean = counter_found <= fence_,
                .id = vote.id,
                .outcome = vote.outcome};
  };
  if (const auto* extended = std::get_if<Extended>(&reply)) {
    vote.outcome = Outcome::Here;
    seen(extended->planted, extended->counter);
  } else if (const auto* replanted = std::get_if<Replanted>(&reply)) {
    vote.outcome = Outcome::Planted;
    seen(attempt_, replanted->counter);
  } else if (const auto* not_ours = std::get_if<NotOurs>(&reply)) {
    // The first node that says so is enough: nobody else knows the token, and a release goes to all nodes.
    if (not_ours->broken) {
      lose(Broken{});
      return {};
    }
    if (not_ours->given_back) {
      lose(GivenBack{});
      return {};
    }
    vote.known = false;
    vote.outcome = not_ours->holder.value.empty() ? Outcome::Absent : Outcome::Elsewhere;
    if (!not_ours->holder.value.empty()) other_ = not_ours->holder;
  } else {
    vote.outcome = Outcome::Failed;
  }
  judge(now);
  return {};
}

std::vector<Send> Lease::on_failure(Now now, NodeIndex node, RequestId id, const Failure&) {
  Vote& vote = votes_[node];
  if (lost_ || vote.outcome != Outcome::Pending || vote.id != id) return {};
  vote.outcome = Outcome::Failed;
  judge(now);
  return {};
}

bool Lease::continuous(const Vote& vote) const {
  return vote.outcome == Outcome::Here && (!vote.seen_at || vote.since < last_success_) && ripe(vote);
}

bool Lease::proven(const Vote& vote) const {
  return vote.outcome == Outcome::Here && vote.since < attempt_ && vote.clean && ripe(vote);
}

// A rival may have been granted this node's vote just before a crash that wiped out every trace of it, and
// still be waiting for others: until its round ends, no later than its node_timeout, it may count that vote.
// As long as the lease as it stands (its last success, other nodes) outlasts that round, it excludes the
// rival.
bool Lease::ripe(const Vote& vote) const {
  const Duration longest_round =
      std::min<Duration>(rules_.node_timeout, validity_end(TimePoint{}, rules_.ttl) - TimePoint{});
  return !vote.seen_at || *vote.seen_at + longest_round <= valid_until_;
}

void Lease::judge(Now now) {
  if (decided_) return;
  if (now.boot >= give_up_at()) {  // an answer that comes this late is none
    lose(Expired{});
    return;
  }
  const std::size_t quorum = quorum_of(votes_.size());
  std::size_t continuous_votes = 0;
  std::size_t proven_votes = 0;
  std::size_t pending = 0;
  std::size_t elsewhere = 0;
  std::size_t failed = 0;
  for (const Vote& vote : votes_) {
    if (continuous(vote)) {
      ++continuous_votes;
    } else if (proven(vote)) {
      ++proven_votes;
    }
    if (vote.outcome == Outcome::Pending) ++pending;
    if (vote.outcome == Outcome::Elsewhere) ++elsewhere;
    if (vote.outcome == Outcome::Failed) ++failed;
  }
  if (continuous_votes > 0 && continuous_votes + proven_votes >= quorum) {
    decided_ = true;
    failures_in_a_row_ = 0;
    last_success_ = attempt_;
    valid_until_ = std::max(valid_until_, validity_end(began_, rules_.ttl));
    next_attempt_ = began_ + Duration{rules_.ttl} / 3;
    return;
  }
  if (elsewhere >= quorum) {
    lose(Taken{other_});
    return;
  }
  if (pending > 0) return;
  if (failed == 0 && continuous_votes == 0) {
    if (elsewhere > 0) {
      lose(Taken{other_});
    } else {
      lose(Vanished{});
    }
    return;
  }
  // A failed attempt is not a loss: again soon, and less often the longer it lasts.
  decided_ = true;
  ++failures_in_a_row_;
  const Duration base = std::max(Duration{rules_.ttl} / 60, kLeastBackoff);
  const Duration most = std::max(Duration{rules_.ttl} / 12, kLeastBackoff);
  const Duration backoff = std::min(base * (1U << std::min(failures_in_a_row_ - 1, 5U)), most);
  next_attempt_ = now.boot + times(backoff, 0.75 + 0.5 * entropy_.unit());
}

void Lease::lose(Loss loss) {
  decided_ = true;
  lost_ = std::move(loss);
}

}  // namespace redlock::quorum
