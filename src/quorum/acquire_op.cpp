#include "quorum/acquire_op.hpp"

#include "base/overload.hpp"
#include "quorum/validity.hpp"

#include <algorithm>
#include <utility>

namespace redlock::quorum {
namespace {

// A node that refuses does so in no time.
constexpr Duration kLastWords = std::chrono::milliseconds{5};

}  // namespace

// One round: every node, one round trip. The votes of a former round are refreshed, so validity counts from here.
std::vector<Send> AcquireOp::ask(Now now) {
  const bool kept = phase_ == RoundPhase::Keeping;
  if (!kept) token_ = Token{random_hex_token(entropy_)};
  ++round_.number;
  phase_ = RoundPhase::Asking;
  round_.began = now.boot;
  wake_at_ = TimePoint::max();
  const AcquireRequest request{
      .token = token_,
      .ttl = rules_.ttl,
      // A wall clock past 2^53 us (the year 2255) is no proposal: the counters stay in charge.
      .proposal = now.wall_us <= kMaxFence ? now.wall_us : 0,
      .waiter = rules_.waiter,
      .in_turn = rules_.in_turn};
  std::vector<Send> sends;
  sends.reserve(votes_.size());
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    NodeVote& vote = votes_[node];
    vote = NodeVote{.id = ids_.next(),
                    .sent = now.boot,
                    .answer = Awaited{},
                    .may_have_held = kept && vote.may_hold_token(),
                    .was_silent = vote.pending()};
    sends.push_back({node, vote.id, request, now.boot + rules_.node_timeout});
  }
  return sends;
}

std::vector<Send> AcquireOp::on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  NodeVote& vote = votes_[node];
  if (vote.id != id) return {};
  if (verdict_) return take_late_vote(now, node, reply);
  if (vote.pending()) {
    vote.answer = read(now, vote, reply);
    vote.server = membership_.server_of(node);
  } else if (vote.confirmation == Confirmation::Awaited) {
    const auto* confirmed = std::get_if<Confirmed>(&reply);
    const bool accepted = confirmed != nullptr && confirmed->accepted;
    vote.confirmation = accepted ? Confirmation::Accepted : Confirmation::Failed;
  } else {
    return {};
  }
  return judge(now);
}

AcquireAnswer AcquireOp::read(Now now, const NodeVote& vote, const Reply& reply) {
  return std::visit(Overload{[&](const Granted& granted) -> AcquireAnswer {
                               if (now.boot <= vote.sent + rules_.node_timeout) return granted;
                               return Failure{.detail = "its vote was read too late"};
                             },
                             [&](const Refused& refused) -> AcquireAnswer {
                               membership_.on_holder_ttl(std::max(refused.holder_ttl, refused.remaining));
                               return refused;
                             },
                             [](const auto&) -> AcquireAnswer {
                               return Failure{.detail = "an answer to another question"};
                             }},
                    reply);
}

std::vector<Send> AcquireOp::on_failure(Now now, NodeIndex node, RequestId id, const Failure& failure) {
  NodeVote& vote = votes_[node];
  if (vote.id != id || (verdict_ && !awaits_votes())) return {};
  if (vote.pending()) {
    vote.answer = failure;
  } else if (vote.confirmation == Confirmation::Awaited) {
    vote.confirmation = Confirmation::Failed;
  } else {
    return {};
  }
  return verdict_ ? std::vector<Send>{} : judge(now);
}

std::vector<Send> AcquireOp::on_time(Now now) {
  if (verdict_ || now.boot < wake_at_) return {};
  return phase_ == RoundPhase::Asking || phase_ == RoundPhase::Confirming ? judge(now) : ask(now);
}

std::vector<Send> AcquireOp::cancel(Now now) {
  return verdict_ ? std::vector<Send>{} : give_up(now, Cancelled{});
}

std::vector<Send> AcquireOp::judge(Now now) {
  if (const auto same = membership_.duplicate()) return give_up(now, SameServer{same->first, same->second});
  if (phase_ == RoundPhase::Asking) return judge_votes(now);
  if (phase_ == RoundPhase::Confirming) return judge_confirmations(now);
  return {};
}

std::vector<Send> AcquireOp::judge_votes(Now now) {
  const VoteCount count = count_votes(votes_, membership_);
  if (membership_.is_quorum(count.answered)) split_.on_quorum_answered(now.boot - round_.began);

  if (membership_.is_quorum(count.own)) {
    return awaits_refusals(now, count) ? std::vector<Send>{} : begin_confirming(now);
  }
  if (membership_.is_quorum(count.of_strongest_rival)) {
    const Refused& holder = *count.strongest_rival;
    return give_up(now, Held{.holder = holder.holder,
                             .info = holder.info,
                             .votes = count.of_strongest_rival.votes(),
                             .free_in = free_in(votes_, membership_, &holder.holder),
                             .position = queue_position(votes_)});
  }
  if (!membership_.is_quorum(count.reachable)) {
    // Certain. But the report names the reason of every node that had the time to answer.
    if (count.pending && wake_at_ == TimePoint::max()) wake_at_ = now.boot + kLastWords;
    if (count.pending && now.boot < wake_at_) return {};
    return give_up(now, NoQuorum{});
  }
  // Nobody can be told to have it yet. The rule for a split wants the whole picture, but not the price of a node that
  // hangs.
  if (count.pending && (!membership_.is_quorum(count.answered) || awaits_stragglers(now))) return {};
  if (!membership_.is_quorum(count.eligible)) return give_up(now, NoQuorum{});
  return settle_split(now, count);
}

// Once a quorum has answered, the other nodes get as long again, unless they were silent in the round before, too.
bool AcquireOp::awaits_stragglers(Now now) {
  const bool any = std::any_of(votes_.begin(), votes_.end(),
                               [](const NodeVote& vote) { return vote.pending() && !vote.was_silent; });
  if (!any) return false;
  if (wake_at_ == TimePoint::max()) wake_at_ = now.boot + split_.round_trip(now.boot - round_.began);
  return now.boot < wake_at_;
}

// Nodes that restarted not long ago may have forgotten a lock with a TTL that is longer than our quarantine; a node that
// has not answered yet may show it.
bool AcquireOp::awaits_refusals(Now now, const VoteCount& count) {
  if (!count.pending) return false;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    if (is_vote(votes_, node, membership_) && membership_.young(node, votes_[node].sent))
      return awaits_stragglers(now);
  }
  return false;
}

std::vector<Send> AcquireOp::settle_split(Now now, const VoteCount& count) {
  if (is_last_round(now) || split_.stands_still(count)) {
    return give_up(now, Split{.contenders = count.rivals, .free_in = free_in(votes_, membership_, nullptr)});
  }
  if (SplitPolicy::is_strongest(token_, count)) {
    pause(now, RoundPhase::Keeping, SplitPolicy::kKeeperPause);
    return {};
  }
  std::vector<Send> sends = release(now);
  pause(now, RoundPhase::Yielding, split_.yielder_pause(round_.number, entropy_));
  return sends;
}

void AcquireOp::pause(Now now, RoundPhase phase, double round_trips) {
  phase_ = phase;
  // The last round begins when the time is up, not up to a pause before.
  const Duration length = times(split_.round_trip(now.boot - round_.began), round_trips);
  wake_at_ = std::min(now.boot + length, std::max(rules_.give_up_at, now.boot));
}

bool AcquireOp::is_last_round(Now now) const {
  return round_.number >= rules_.max_rounds || now.boot >= rules_.give_up_at;
}

TimePoint AcquireOp::valid_until() const {
  return validity_end(round_.began, rules_.ttl);
}

// The fence is the greatest that a counted vote brought. It is final once a quorum of counters has reached it: a later
// holder's votes include one of those (DESIGN section 3, "Fence").
std::vector<Send> AcquireOp::begin_confirming(Now now) {
  phase_ = RoundPhase::Confirming;
  wake_at_ = valid_until() - rules_.least_validity;
  fence_ = 0;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    if (is_vote(votes_, node, membership_)) fence_ = std::max(fence_, votes_[node].granted()->fence);
  }
  return judge_confirmations(now);
}

std::vector<Send> AcquireOp::judge_confirmations(Now now) {
  NodeSet accepted;
  NodeSet possible;  // and those that may yet accept
  std::vector<NodeIndex> unasked;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    const NodeVote& vote = votes_[node];
    const ServerId server = membership_.server_of(node);
    if (vote.pending()) possible.add(node, server);
    if (!is_vote(votes_, node, membership_)) continue;
    const Fence fence = vote.granted()->fence;  // above ours in a late vote
    const bool asked = vote.confirmation != Confirmation::NotAsked;
    const bool accepts = asked ? vote.confirmation == Confirmation::Accepted : fence == fence_;
    const bool may_accept = asked ? vote.confirmation == Confirmation::Awaited : fence < fence_;
    if (accepts) accepted.add(node, server);
    if (accepts || may_accept) possible.add(node, server);
    if (!asked && may_accept) unasked.push_back(node);
  }
  if (valid_until() - now.boot <= rules_.least_validity)
    return give_up(now, TooLate{now.boot - round_.began});
  if (membership_.is_quorum(accepted)) return win(now);
  std::vector<Send> sends;
  if (!membership_.is_quorum(possible)) {
    // The write-back reached no quorum: somebody else came between, or nodes fell silent. Begin anew.
    if (is_last_round(now)) return give_up(now, NoQuorum{});
    sends = release(now);
    pause(now, RoundPhase::Yielding, SplitPolicy::kLeastYielderPause);
    return sends;
  }
  for (const NodeIndex node : unasked) {
    sends.push_back(confirm(now, node));
    votes_[node].id = sends.back().id;
    votes_[node].confirmation = Confirmation::Awaited;
  }
  return sends;
}

Send AcquireOp::confirm(Now now, NodeIndex node) const {
  return {
      .node = node,
      .id = ids_.next(),
      .request = ConfirmRequest{.token = token_, .fence = fence_, .granted = votes_[node].granted()->fence},
      .deadline = std::min(now.boot + rules_.node_timeout, valid_until())};
}

std::vector<Send> AcquireOp::win(Now now) {
  Won won{.token = token_, .fence = fence_, .valid_until = valid_until(), .voters = {}};
  std::vector<Send> sends;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    const NodeVote& vote = votes_[node];
    if (is_vote(votes_, node, membership_)) won.voters.push_back(node);
    // Votes that were not needed, for an extension by hand: as take_late_vote() does.
    const bool asked = vote.confirmation != Confirmation::NotAsked;
    if (vote.granted() != nullptr && vote.granted()->fence != fence_ && !asked)
      sends.push_back(confirm(now, node));
  }
  verdict_ = std::move(won);
  return sends;
}

bool AcquireOp::awaits_votes() const {
  return verdict_ && std::holds_alternative<Won>(*verdict_) &&
         std::any_of(votes_.begin(), votes_.end(), [](const NodeVote& vote) { return vote.pending(); });
}

// A vote that comes when the lock is ours makes no difference to us. But an extension by hand, which knows nothing but
// what the nodes say, can count a node whose counter is not the fence only if the fence is written down there.
std::vector<Send> AcquireOp::take_late_vote(Now now, NodeIndex node, const Reply& reply) {
  NodeVote& vote = votes_[node];
  if (!awaits_votes() || !vote.pending()) return {};
  const auto* granted = std::get_if<Granted>(&reply);
  if (granted == nullptr) {
    vote.answer = NotAsked{};
    return {};
  }
  vote.answer = *granted;
  if (granted->fence == fence_ || now.boot >= valid_until()) return {};
  return {confirm(now, node)};
}

std::vector<Send> AcquireOp::give_up(Now now, AcquireVerdict verdict) {
  verdict_ = std::move(verdict);
  return phase_ == RoundPhase::Yielding ? std::vector<Send>{} : release(now);
}

// Releases on every node that may have the token, silent ones included, behind the request on the same
// connection.
std::vector<Send> AcquireOp::release(Now now) {
  std::vector<Send> sends;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    if (!votes_[node].may_hold_token()) continue;
    sends.push_back({node, ids_.next(), ReleaseRequest{token_}, now.boot + rules_.node_timeout});
  }
  return sends;
}

}  // namespace redlock::quorum
