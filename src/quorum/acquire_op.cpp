#include "quorum/acquire_op.hpp"

#include "base/overload.hpp"
#include "quorum/validity.hpp"

#include <algorithm>
#include <utility>

namespace redlock::quorum {
namespace {

// Pauses, in round trips (the time that a quorum takes to answer), chosen by the simulator's stampedes (redlock-sim
// --stampede): of 10,000 rounds of 50 clients at the same instant each has one winner, known after 4.1 round
// trips at the median and 4.7 at the 99th percentile, the connect included. A keeper that is quicker finds votes
// that are not given back yet; one that is slower only loses time. A yielder that is quicker (2 round trips)
// disturbs the collecting when two of five nodes are dead: there one round in a hundred took more than 50 round
// trips instead of 10. Longer pauses than these gain nothing.
constexpr double kKeeperPause = 0.4;
constexpr double kYielderPause = 3.0;   // the least
constexpr double kYielderSpread = 2.0;  // and up to this much more, growing with the rounds
constexpr double kGreatestSpread = 16.0;
constexpr unsigned kStillRounds = 4;  // that a live rival gives back within 2 or 3
constexpr Duration kLeastRoundTrip = std::chrono::microseconds{500};
constexpr Duration kLastWords = std::chrono::milliseconds{5};

void append(std::vector<Send>& to, std::vector<Send> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

AcquireOp::AcquireOp(const AcquireRules& rules, Membership& membership, RequestIds& ids, Entropy& entropy)
    : rules_{rules},
      membership_{membership},
      ids_{ids},
      entropy_{entropy},
      votes_(membership.nodes()),
      confirmations_(membership.nodes()) {
}

std::vector<Send> AcquireOp::start(Now now) {
  return ask(now);
}

// One round: every node, one round trip. The votes of a former round are refreshed, so validity counts from here.
std::vector<Send> AcquireOp::ask(Now now) {
  ++round_;
  phase_ = Phase::Asking;
  const bool kept = std::exchange(keep_token_, false);
  if (!kept) token_ = Token{random_hex_token(entropy_)};
  round_began_ = now.boot;
  validity_ = validity_end(now.boot, rules_.ttl);
  wake_at_ = TimePoint::max();
  // A wall clock past 2^53 us (the year 2255) is no proposal: the counters stay in charge.
  const Fence proposal = now.wall_us <= kMaxFence ? now.wall_us : 0;

  std::vector<Send> sends;
  sends.reserve(votes_.size());
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    NodeVote& vote = votes_[node];
    vote = NodeVote{.id = ids_.next(),
                    .sent = now.boot,
                    .answer = Awaited{},
                    .may_have_held = kept && vote.may_hold_token(),
                    .was_silent = vote.pending()};
    sends.push_back({.node = node,
                     .id = vote.id,
                     .request = AcquireRequest{.token = token_,
                                               .ttl = rules_.ttl,
                                               .proposal = proposal,
                                               .waiter = rules_.waiter,
                                               .in_turn = rules_.in_turn},
                     .deadline = now.boot + rules_.node_timeout});
  }
  return sends;
}

std::vector<Send> AcquireOp::on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  if (verdict_) return take_late_vote(now, node, id, reply);
  NodeVote& vote = votes_[node];
  Confirmation& confirmation = confirmations_[node];
  if (vote.pending() && vote.id == id) {
    std::visit(
        Overload{[&](const Granted& granted) {
                   if (now.boot <= vote.sent + rules_.node_timeout) {
                     vote.answer = granted;
                   } else {
                     vote.answer = Failure{.detail = "its vote was read too late"};
                   }
                 },
                 [&](const Refused& refused) {
                   vote.answer = refused;
                   membership_.on_holder_ttl(std::max(refused.holder_ttl, refused.remaining));
                 },
                 [&](const auto&) { vote.answer = Failure{.detail = "an answer to another question"}; }},
        reply);
    vote.server = membership_.server_of(node);
    return judge(now);
  }
  if (confirmation.state == ConfirmState::Awaited && confirmation.id == id) {
    const auto* confirmed = std::get_if<Confirmed>(&reply);
    const bool accepted = confirmed != nullptr && confirmed->accepted;
    confirmation.state = accepted ? ConfirmState::Accepted : ConfirmState::Failed;
    return judge(now);
  }
  return {};
}

std::vector<Send> AcquireOp::on_failure(Now now, NodeIndex node, RequestId id, const Failure& failure) {
  NodeVote& vote = votes_[node];
  if (verdict_) {
    if (awaits_votes() && vote.pending() && vote.id == id) vote.answer = failure;
    return {};
  }
  Confirmation& confirmation = confirmations_[node];
  if (vote.pending() && vote.id == id) {
    vote.answer = failure;
  } else if (confirmation.state == ConfirmState::Awaited && confirmation.id == id) {
    confirmation.state = ConfirmState::Failed;
  } else {
    return {};
  }
  return judge(now);
}

std::vector<Send> AcquireOp::on_time(Now now) {
  if (verdict_ || now.boot < wake_at_) return {};
  if (phase_ == Phase::Pausing) return ask(now);
  return judge(now);
}

std::vector<Send> AcquireOp::cancel(Now now) {
  if (verdict_) return {};
  return give_up(now, Cancelled{});
}

std::vector<Send> AcquireOp::judge(Now now) {
  if (const auto same = membership_.duplicate()) return give_up(now, SameServer{same->first, same->second});
  switch (phase_) {
    case Phase::Asking: return judge_votes(now);
    case Phase::Confirming: return judge_confirmations(now);
    case Phase::Pausing: return {};
  }
  return {};
}

std::vector<Send> AcquireOp::judge_votes(Now now) {
  const VoteCount sum = count_votes(votes_, membership_);

  if (membership_.is_quorum(sum.answered)) {
    const Duration took = std::max(now.boot - round_began_, kLeastRoundTrip);
    round_trip_ = std::min(round_trip_.value_or(took), took);
  }
  if (membership_.is_quorum(sum.own)) {
    return awaits_refusals(now, sum) ? std::vector<Send>{} : begin_confirming(now);
  }
  if (membership_.is_quorum(sum.of_strongest_rival)) {
    const Refused& holder = *sum.strongest_rival;
    return give_up(now, Held{.holder = holder.holder,
                             .info = holder.info,
                             .votes = sum.of_strongest_rival.votes(),
                             .free_in = free_in(&holder),
                             .position = position()});
  }
  if (!membership_.is_quorum(sum.reachable)) {
    // Certain. But who reads of it wants to know of every node, and those that refuse do so in no time.
    if (sum.pending && wake_at_ == TimePoint::max()) wake_at_ = now.boot + kLastWords;
    if (sum.pending && now.boot < wake_at_) return {};
    return give_up(now, NoQuorum{});
  }

  // Nobody can be told to have it yet. The rule for a split wants the whole picture, but not the price of a
  // node that hangs: once a quorum has answered, the others get as long again.
  if (sum.pending && (!membership_.is_quorum(sum.answered) || awaits_stragglers(now))) return {};
  if (!membership_.is_quorum(sum.eligible)) return give_up(now, NoQuorum{});
  return settle_split(now, sum);
}

// Whether some node is worth waiting for that has not answered yet: for as long again as a quorum took, unless it was
// silent in the round before, too.
bool AcquireOp::awaits_stragglers(Now now) {
  const bool any = std::any_of(votes_.begin(), votes_.end(),
                               [](const NodeVote& vote) { return vote.pending() && !vote.was_silent; });
  if (!any) return false;
  if (wake_at_ == TimePoint::max()) wake_at_ = now.boot + round_trip(now);
  return now.boot < wake_at_;
}

// Nodes that restarted not long ago may have forgotten a lock with a TTL that is longer than our quarantine; a node that
// has not answered yet may show it.
bool AcquireOp::awaits_refusals(Now now, const VoteCount& sum) {
  if (!sum.pending) return false;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    if (is_vote(votes_, node, membership_) && membership_.young(node, votes_[node].sent))
      return awaits_stragglers(now);
  }
  return false;
}

// Nobody has a quorum. Contenders that see the same votes come to the same answer.
std::vector<Send> AcquireOp::settle_split(Now now, const VoteCount& sum) {
  if (is_last_round(now) || stands_still(sum)) {
    return give_up(now, Split{.contenders = sum.rivals, .free_in = free_in(nullptr)});
  }
  const std::size_t ours = sum.own.votes();
  const std::size_t theirs = sum.of_strongest_rival.votes();
  const bool strongest =
      ours > theirs || (ours == theirs && ours > 0 && token_ < sum.strongest_rival->holder);
  if (strongest) {
    keep_token_ = true;
    return pause(now, kKeeperPause);
  }
  std::vector<Send> sends = give_back(now);
  const double spread = std::min(kYielderSpread * round_, kGreatestSpread);
  append(sends, pause(now, kYielderPause + spread * entropy_.unit()));
  return sends;
}

// Whether a rival neither collects the rest nor gives back what it has: it died, or it holds the lock with
// votes of nodes that do not answer us. Then what we collect here only keeps it from its repairs.
bool AcquireOp::stands_still(const VoteCount& sum) {
  const Token strongest = sum.strongest_rival != nullptr ? sum.strongest_rival->holder : Token{};
  const bool same = sum.strongest_rival != nullptr && last_strongest_ == strongest;
  still_rounds_ = same ? still_rounds_ + 1 : 0;
  last_strongest_ = strongest;
  return still_rounds_ >= kStillRounds;
}

std::vector<Send> AcquireOp::pause(Now now, double round_trips) {
  phase_ = Phase::Pausing;
  // The last round begins when the time is up, not up to a pause before.
  wake_at_ = std::min(now.boot + times(round_trip(now), round_trips), std::max(rules_.give_up_at, now.boot));
  return {};
}

bool AcquireOp::is_last_round(Now now) const {
  return round_ >= rules_.max_rounds || now.boot >= rules_.give_up_at;
}

// The fence is the greatest that a counted vote brought. It is final once a quorum of counters has reached
// it: whoever is granted the lock later meets one of those (DESIGN section 3, "Fence").
std::vector<Send> AcquireOp::begin_confirming(Now now) {
  phase_ = Phase::Confirming;
  wake_at_ = validity_ - rules_.least_validity;
  fence_ = 0;
  std::fill(confirmations_.begin(), confirmations_.end(), Confirmation{});
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    if (is_vote(votes_, node, membership_)) fence_ = std::max(fence_, votes_[node].granted()->fence);
  }
  return judge_confirmations(now);
}

std::vector<Send> AcquireOp::judge_confirmations(Now now) {
  std::vector<Send> sends;
  NodeSet accepted;
  NodeSet possible;  // and those that may yet accept
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    const NodeVote& vote = votes_[node];
    Confirmation& confirmation = confirmations_[node];
    const ServerId server = membership_.server_of(node);
    if (vote.pending()) possible.add(node, server);
    if (!is_vote(votes_, node, membership_)) continue;
    using enum ConfirmState;
    if (confirmation.state == None) {
      const Fence fence = vote.granted()->fence;
      if (fence == fence_) {
        confirmation.state = Accepted;
      } else if (fence > fence_) {
        confirmation.state = Failed;  // a late vote; its counter has passed ours
      }
    }
    if (confirmation.state == Accepted) accepted.add(node, server);
    if (confirmation.state != Failed) possible.add(node, server);
  }
  if (validity_ - now.boot <= rules_.least_validity) return give_up(now, TooLate{now.boot - round_began_});
  if (membership_.is_quorum(accepted)) return win(now);
  if (!membership_.is_quorum(possible)) {
    // The write-back reached no quorum: somebody else came between, or nodes fell silent. Begin anew.
    if (is_last_round(now)) return give_up(now, NoQuorum{});
    sends = give_back(now);
    append(sends, pause(now, kYielderPause));
    return sends;
  }
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    Confirmation& confirmation = confirmations_[node];
    if (!is_vote(votes_, node, membership_) || confirmation.state != ConfirmState::None) continue;
    confirmation = {.id = ids_.next(), .state = ConfirmState::Awaited};
    sends.push_back(confirm(now, node, confirmation.id));
  }
  return sends;
}

Send AcquireOp::confirm(Now now, NodeIndex node, RequestId id) const {
  return {
      .node = node,
      .id = id,
      .request = ConfirmRequest{.token = token_, .fence = fence_, .granted = votes_[node].granted()->fence},
      .deadline = std::min(now.boot + rules_.node_timeout, validity_)};
}

bool AcquireOp::awaits_votes() const {
  return verdict_ && std::holds_alternative<Won>(*verdict_) &&
         std::any_of(votes_.begin(), votes_.end(), [](const NodeVote& vote) { return vote.pending(); });
}

// A vote that comes when the lock is ours makes no difference to us. But an extension by hand, which knows nothing but
// what the nodes say, can count a node whose counter is not the fence only if the fence is written down there.
std::vector<Send> AcquireOp::take_late_vote(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  NodeVote& vote = votes_[node];
  if (!awaits_votes() || !vote.pending() || vote.id != id) return {};
  const auto* granted = std::get_if<Granted>(&reply);
  if (granted == nullptr) {
    vote.answer = NotAsked{};
    return {};
  }
  vote.answer = *granted;
  if (granted->fence == fence_ || now.boot >= validity_) return {};
  return {confirm(now, node, ids_.next())};
}

std::vector<Send> AcquireOp::win(Now now) {
  Won won{.token = token_, .fence = fence_, .valid_until = valid_until(), .voters = {}};
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    if (is_vote(votes_, node, membership_)) won.voters.push_back(node);
  }
  verdict_ = std::move(won);
  // Votes that were not needed, for an extension by hand: as take_late_vote() does.
  std::vector<Send> sends;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    const Granted* granted = votes_[node].granted();
    const bool asked = confirmations_[node].id != 0;
    if (granted != nullptr && granted->fence != fence_ && !asked)
      sends.push_back(confirm(now, node, ids_.next()));
  }
  return sends;
}

std::vector<Send> AcquireOp::give_up(Now now, AcquireVerdict verdict) {
  std::vector<Send> sends = phase_ == Phase::Pausing && !keep_token_ ? std::vector<Send>{} : give_back(now);
  verdict_ = std::move(verdict);
  return sends;
}

// Releases on every node that may have the token, silent ones included, behind the request on the same
// connection.
std::vector<Send> AcquireOp::give_back(Now now) {
  std::vector<Send> sends;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    if (!votes_[node].may_hold_token()) continue;
    sends.push_back({.node = node,
                     .id = ids_.next(),
                     .request = ReleaseRequest{token_},
                     .deadline = now.boot + rules_.node_timeout});
  }
  return sends;
}

Duration AcquireOp::round_trip(Now now) const {
  return round_trip_.value_or(std::max(now.boot - round_began_, kLeastRoundTrip));
}

// When the nodes that are free, and those whose keys will have expired by then, are a quorum: keys of one holder, or of
// all. A node that failed is not free; one that has not answered yet may be, unless it has been waited for in vain.
std::optional<Duration> AcquireOp::free_in(const Refused* of) const {
  NodeSet free;
  std::vector<Membership::Later> later;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    const NodeVote& vote = votes_[node];
    const Refused* refused = vote.refused();
    const bool in_the_way = refused != nullptr && (of == nullptr || refused->holder == of->holder);
    const bool hangs = vote.pending() && of == nullptr;
    if (vote.failure() == nullptr && !in_the_way && !hangs) free.add(node, membership_.server_of(node));
    if (in_the_way && refused->remaining.count() >= 0) later.push_back({refused->remaining, node});
  }
  return membership_.quorum_after(std::move(free), std::move(later));
}

// The median of what the nodes say: one that restarted has forgotten the queue.
std::optional<QueuePosition> AcquireOp::position() const {
  std::vector<QueuePosition> positions;
  for (const NodeVote& vote : votes_) {
    const Refused* refused = vote.refused();
    if (refused != nullptr && refused->position) positions.push_back(*refused->position);
  }
  if (positions.empty()) return std::nullopt;
  const auto middle = positions.begin() + static_cast<std::ptrdiff_t>(positions.size() / 2);
  std::nth_element(
      positions.begin(), middle, positions.end(),
      [](const QueuePosition& one, const QueuePosition& other) { return one.ahead < other.ahead; });
  return *middle;
}

}  // namespace redlock::quorum
