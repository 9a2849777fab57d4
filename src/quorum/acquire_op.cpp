#include "quorum/acquire_op.hpp"

#include "quorum/validity.hpp"

#include <algorithm>
#include <utility>

namespace redlock::quorum {
namespace {

// A node that refuses does so in no time.
constexpr Duration kLastWords = std::chrono::milliseconds{5};

}  // namespace

// If no quorum may vote, and it is known, a look will do, as where the attempt before was in vain: what cannot win
// should not stand in the way of others.
std::vector<Send> AcquireOp::start(Now now) {
  return membership_.is_quorum(membership_.voters(now.boot)) && !rules_.again ? ask(now) : probe(now);
}

// The votes of a former round are refreshed, so validity counts from here.
std::vector<Send> AcquireOp::ask(Now now) {
  if (phase_ != RoundPhase::Keeping) token_ = Token{random_hex_token(entropy_)};
  return begin_round(
      now, RoundPhase::Asking,
      AcquireRequest{.token = token_,
                     .ttl = rules_.ttl,
                     // A wall clock past 2^53 us (the year 2255) is no proposal: the counters stay in charge.
                     .proposal = now.wall_us <= kMaxFence ? now.wall_us : 0,
                     .waiter = rules_.waiter,
                     .in_turn = rules_.in_turn,
                     .bars = rules_.bars,
                     .slot = slots_.current()});
}

std::vector<Send> AcquireOp::probe(Now now) {
  return begin_round(now, RoundPhase::Probing,
                     ProbeRequest{.token = token_, .waiter = rules_.waiter, .slots = slots_.any()});
}

// Every node, one round trip.
std::vector<Send> AcquireOp::begin_round(Now now, RoundPhase phase, const Request& request) {
  const bool kept = phase_ == RoundPhase::Keeping;
  ++round_.number;
  phase_ = phase;
  round_.began = now.boot;
  round_.wake_at = TimePoint::max();
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
    vote.answer = read(now, node, reply);
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

AcquireAnswer AcquireOp::read(Now now, NodeIndex node, const Reply& reply) {
  const TimePoint sent = votes_[node].sent;
  const bool probing = phase_ == RoundPhase::Probing;
  if (const auto* failure = std::get_if<Failure>(&reply)) return *failure;
  if (slots_.any()) votes_[node].slots = taken_slots(reply);
  const std::optional<Refused> of_slots = as_one(votes_[node].slots);
  const auto* refused = std::get_if<Refused>(&reply);
  const auto* granted = probing ? nullptr : std::get_if<Granted>(&reply);
  const auto* free = probing ? std::get_if<Free>(&reply) : nullptr;
  if (refused == nullptr && granted == nullptr && free == nullptr)
    return Failure{.detail = "an answer to another question"};
  membership_.on_answer(now, sent, node, of_slots ? &*of_slots : refused);
  if (refused != nullptr) return *refused;
  if (free != nullptr) return *free;
  // A node that says who it is, is judged by that.
  if (granted->already_there && !votes_[node].may_have_held && membership_.anonymous(node)) met_again_ = node;
  if (now.boot <= sent + rules_.node_timeout) return *granted;
  return Failure{.detail = "its vote was read too late"};
}

std::vector<Send> AcquireOp::on_time(Now now) {
  if (verdict_ || now.boot < round_.wake_at) return {};
  if (phase_ == RoundPhase::Yielding && now.boot < rules_.give_up_at) return probe(now);
  return phase_ == RoundPhase::Keeping || phase_ == RoundPhase::Yielding ? ask(now) : judge(now);
}

std::vector<Send> AcquireOp::judge(Now now) {
  if (const auto same = membership_.duplicate()) return give_up(now, SameServer{same->first, same->second});
  if (met_again_) return give_up(now, SameServer{*met_again_, *met_again_});
  if (phase_ == RoundPhase::Asking || phase_ == RoundPhase::Probing) return judge_votes(now);
  if (phase_ == RoundPhase::Confirming) return judge_confirmations(now);
  return {};
}

std::vector<Send> AcquireOp::judge_votes(Now now) {
  const VoteCount count = count_votes(votes_, membership_);
  if (membership_.is_quorum(count.answered)) split_.on_quorum_answered(now.boot - round_.began);

  if (membership_.is_quorum(count.own)) {
    const bool doubtful = count.pending && any_young_vote(votes_, membership_);
    return doubtful && awaits_stragglers(now) ? std::vector<Send>{} : begin_confirming(now);
  }
  if (auto sends = slots_.any() ? judge_slots(now, count) : judge_names(now, count)) return *std::move(sends);
  if (!membership_.is_quorum(count.reachable)) {
    // Certain. But the report names the reason of every node that had the time to answer.
    if (count.pending && waits(now, kLastWords)) return {};
    return give_up(now, NoQuorum{});
  }
  // Nobody can be told to have it yet. The rule for a split wants the whole picture, but not the price of a node that
  // hangs.
  if (count.pending && (!membership_.is_quorum(count.answered) || awaits_stragglers(now))) return {};
  if (!membership_.is_quorum(count.eligible)) return give_up(now, NoQuorum{});
  return settle_split(now, count);
}

// What a quorum of answers decides, if that is enough.
std::optional<std::vector<Send>> AcquireOp::judge_names(Now now, const VoteCount& count) {
  if (membership_.is_quorum(count.free) && !is_last_round(now)) return ask(now);
  if (count.holder == nullptr) return std::nullopt;
  return give_up(now, name_held(count, votes_, membership_));
}

// The same of slots. If another client has ours, the next try is for one that is free.
std::optional<std::vector<Send>> AcquireOp::judge_slots(Now now, const VoteCount& count) {
  const auto holders = slots_.holders_of_all(votes_, membership_);
  if (!holders.empty()) return give_up(now, all_slots_held(holders, votes_));
  const bool probed = phase_ == RoundPhase::Probing;
  return probed || count.holder != nullptr ? try_free_slot(now) : std::nullopt;
}

std::optional<std::vector<Send>> AcquireOp::try_free_slot(Now now) {
  if (is_last_round(now)) return std::nullopt;
  const Slot except = phase_ == RoundPhase::Probing ? 0 : slots_.current();
  const auto free = slots_.find_free(votes_, membership_, except);
  if (!free) return std::nullopt;
  std::vector<Send> sends = release(now);
  slots_.move_to(*free);
  phase_ = RoundPhase::Yielding;  // none of these votes is kept
  const std::vector<Send> asked = ask(now);
  sends.insert(sends.end(), asked.begin(), asked.end());
  return sends;
}

// Whether a wait goes on that began with the first call in this round.
bool AcquireOp::waits(Now now, Duration length) {
  if (round_.wake_at == TimePoint::max()) round_.wake_at = now.boot + length;
  return now.boot < round_.wake_at;
}

// Once a quorum has answered, the other nodes get as long again, unless they were silent in the round before, too.
bool AcquireOp::awaits_stragglers(Now now) {
  return any_straggler(votes_) && waits(now, split_.round_trip(now.boot - round_.began));
}

std::vector<Send> AcquireOp::settle_split(Now now, const VoteCount& count) {
  const bool may_keep = phase_ == RoundPhase::Asking || !slots_.any();
  const bool stuck = may_keep && split_.stands_still(count);
  const bool may_go_on = !is_last_round(now) && (!stuck || slots_.any());
  if (may_go_on && !stuck && SplitPolicy::is_strongest(token_, count)) {
    pause(now, RoundPhase::Keeping, SplitPolicy::kKeeperPause);
    return {};
  }
  if (may_go_on && slots_.any()) {
    if (auto sends = try_free_slot(now)) return *std::move(sends);
  }
  if (!may_go_on || (slots_.any() && slots_.gives_up())) {
    return give_up(now, Split{.contenders = count.rivals,
                              .free_in = free_in(votes_, membership_, nullptr),
                              .strongest = count.strongest_rival});
  }
  return yield(now, SplitPolicy::yielder_pause(entropy_));
}

std::vector<Send> AcquireOp::yield(Now now, double round_trips) {
  std::vector<Send> sends = release(now);
  pause(now, RoundPhase::Yielding, round_trips);
  return sends;
}

void AcquireOp::pause(Now now, RoundPhase phase, double round_trips) {
  phase_ = phase;
  // The last round begins when the time is up, not up to a pause before.
  const Duration length = times(split_.round_trip(now.boot - round_.began), round_trips);
  round_.wake_at = std::min(now.boot + length, std::max(rules_.give_up_at, now.boot));
}

TimePoint AcquireOp::valid_until() const {
  return validity_end(round_.began, rules_.ttl);
}

// The fence is the greatest that a counted vote brought. It is final once a quorum of counters has reached it: a later
// holder's votes include one of those (DESIGN section 3, "Fence").
std::vector<Send> AcquireOp::begin_confirming(Now now) {
  phase_ = RoundPhase::Confirming;
  round_.wake_at = valid_until() - rules_.least_validity;
  fence_ = greatest_fence(votes_, membership_);
  return judge_confirmations(now);
}

std::vector<Send> AcquireOp::judge_confirmations(Now now) {
  const ConfirmationCount count = count_confirmations(votes_, membership_, fence_);
  if (valid_until() - now.boot <= rules_.least_validity)
    return give_up(now, TooLate{now.boot - round_.began});
  if (membership_.is_quorum(count.accepted)) return win(now);
  if (!membership_.is_quorum(count.possible)) {
    // The write-back reached no quorum: somebody else came between, or nodes fell silent. Begin anew.
    if (is_last_round(now)) return give_up(now, NoQuorum{});
    return yield(now, SplitPolicy::kLeastYielderPause);
  }
  std::vector<Send> sends;
  for (const NodeIndex node : count.unasked) {
    sends.push_back(confirm(now, node, *votes_[node].granted()));
    votes_[node].id = sends.back().id;
    votes_[node].confirmation = Confirmation::Awaited;
  }
  return sends;
}

Send AcquireOp::confirm(Now now, NodeIndex node, const Granted& granted) const {
  return {.node = node,
          .id = ids_.next(),
          .request =
              ConfirmRequest{
                  .token = token_, .fence = fence_, .granted = granted.fence, .slot = slots_.current()},
          .deadline = std::min(now.boot + rules_.node_timeout, valid_until())};
}

std::vector<Send> AcquireOp::win(Now now) {
  Won won{
      .token = token_, .fence = fence_, .valid_until = valid_until(), .voters = {}, .slot = slots_.current()};
  std::vector<Send> sends;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    const NodeVote& vote = votes_[node];
    if (is_vote(votes_, node, membership_)) won.voters.push_back(node);
    // Votes that were not needed, for an extension by hand: as take_late_vote() does.
    const bool asked = vote.confirmation != Confirmation::NotAsked;
    if (vote.granted() != nullptr && vote.granted()->fence != fence_ && !asked)
      sends.push_back(confirm(now, node, *vote.granted()));
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
  if (!vote.pending()) return {};
  AcquireAnswer answer = read(now, node, reply);  // the membership learns whom the node shows
  if (!awaits_votes()) return {};
  vote.answer = std::move(answer);
  const auto* granted = std::get_if<Granted>(&reply);
  if (granted == nullptr || granted->fence == fence_ || now.boot >= valid_until()) return {};
  return {confirm(now, node, *granted)};
}

std::vector<Send> AcquireOp::give_up(Now now, AcquireVerdict verdict) {
  verdict_ = std::move(verdict);
  return release(now);
}

// Releases on every node that may have the token, silent ones included, behind the request on the same
// connection.
std::vector<Send> AcquireOp::release(Now now) {
  if (phase_ == RoundPhase::Yielding || phase_ == RoundPhase::Probing) return {};  // that has been done
  std::vector<Send> sends;
  for (NodeIndex node = 0; node < votes_.size(); ++node) {
    if (!votes_[node].may_hold_token()) continue;
    sends.push_back({node, ids_.next(), ReleaseRequest{.token = token_, .slot = slots_.current()},
                     now.boot + rules_.node_timeout});
  }
  return sends;
}

}  // namespace redlock::quorum
