#include "quorum/waiter.hpp"

#include <algorithm>
#include <utility>

namespace redlock::quorum {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Long enough for an earlier waiter to be seen trying, which takes it a round trip, on a busy machine.
constexpr Duration kLeastSlot = milliseconds{8};
constexpr Duration kGreatestSlot = milliseconds{250};
constexpr double kSlotRoundTrips = 1.25;
// Events overtake those who are farther back long before their slots are over.
constexpr std::uint64_t kMostSlots = 1000;
// A waiter that is in no queue stands somewhere among so many.
constexpr double kUnknownCrowd = 8;

// Less than a quorum may say what it likes without making us ask sooner, or more often, than this.
constexpr Duration kDoubtPause = milliseconds{250};

// With five nodes each sees less than one command in seven seconds; fewer nodes are asked as rarely.
constexpr Duration kLeastPoll = seconds{1};
constexpr double kNodesAtFullRate = 5.5;

// Well within the life of a position in the queue (redis/queue.hpp).
constexpr Duration kRenewal = seconds{200};
// A third of the life of a bar.
constexpr Duration kBarRenewal = seconds{1};

constexpr Duration kLeastPause = milliseconds{1};
constexpr Duration kEcho =
    milliseconds{5};  // from a grant to the change of the key, of which a node tells in one go

}  // namespace

WaiterRole Waiter::role() const {
  if (!known_.position) return WaiterRole::Second;
  if (known_.position->ahead == 0) return WaiterRole::First;
  return known_.position->ahead > 1 && known_.may_queue ? WaiterRole::Queued : WaiterRole::Second;
}

void Waiter::react(TimePoint now, WaiterEvent event) {
  const WaiterStep step = reaction(role(), event);
  if (step != WaiterStep::PlanCheck) {
    wanted_ = std::max(wanted_, step);
    return;
  }
  const Duration pause = event == WaiterEvent::SomeTold ? std::max(kDoubtPause, slots()) : slots();
  timers_.check = std::min(timers_.check, now + pause);
}

// ---- Attempts ----------------------------------------------------------------------------------------

Waiter::Waiter(Duration retry_delay, const Membership& membership, Entropy& entropy, bool several,
               bool has_slots)
    : retry_delay_{retry_delay},
      several_{several},
      has_slots_{has_slots},
      entropy_{entropy},
      nodes_{membership, entropy.next() % membership.nodes()} {
  known_.may_queue = !several;
}

void Waiter::on_held(TimePoint now, const Held& held, const NodeVotes& votes, Duration round_trip) {
  nodes_.on_votes(now, votes);
  // The first that is too far away to be as quick as the second would lose to it again and again.
  const auto before = std::exchange(known_.holder_at_try, std::nullopt);
  const bool lost = role() == WaiterRole::First && before && *before != held.holder;
  passed_over_ = passed_over_ || (lost && !held.barred && !has_slots_);
  known_.holder = held.holder;
  known_.crowd = entropy_.unit();
  known_.round_trip = std::min(known_.round_trip, round_trip);
  const WaiterNode& home = nodes_[nodes_.home()];
  const bool in_vain = timers_.retry != TimePoint::max() && home.subscribed == Subscribed::Nothing;
  if (in_vain || !home.queues) nodes_.move_home();
  timers_.retry = TimePoint::max();
  wanted_ = WaiterStep::Nothing;
  take_position(now, held.position);
  const bool bars = (several_ || passed_over_) && role() == WaiterRole::First;
  timers_.renew = now + (bars ? kBarRenewal : times(kRenewal, 0.9 + 0.2 * entropy_.unit()));
  plan_poll(now);
  // Changes that were told while the attempt went on may be news.
  if (nodes_.quorum_told()) react(now, WaiterEvent::QuorumTold);
}

void Waiter::take_position(TimePoint now, const std::optional<QueuePosition>& position) {
  known_.position = position;
  if (position && position->ahead < 2) known_.may_queue = false;
  listen_anew(now);
}

// ---- Messages ----------------------------------------------------------------------------------------

Subscribed Waiter::wants(NodeIndex node) const {
  if (!nodes_[node].answers && nodes_[node].subscribed == Subscribed::Nothing) return Subscribed::Nothing;
  if (role() != WaiterRole::Queued) return Subscribed::Next;
  return node == nodes_.home() ? Subscribed::Queued : Subscribed::Nothing;
}

bool Waiter::hears() const {
  if (role() != WaiterRole::Queued) return nodes_.quorum_tells();
  return nodes_[nodes_.home()].subscribed != Subscribed::Nothing;
}

void Waiter::listen_anew(TimePoint now) {
  if (hears()) {
    timers_.retry = TimePoint::max();
  } else if (timers_.retry == TimePoint::max()) {
    timers_.retry = now + std::max(times(retry_delay_, 0.5 + entropy_.unit()), kLeastPause);
  }
}

void Waiter::on_subscribed(TimePoint now, NodeIndex node, Subscribed mode) {
  const bool heard = hears();
  nodes_[node].subscribed = mode;
  on_answer(node);
  if (!heard && hears()) react(now, WaiterEvent::Hears);
  listen_anew(now);
}

void Waiter::on_unsubscribed(TimePoint now, NodeIndex node, bool refused) {
  nodes_[node].subscribed = Subscribed::Nothing;
  if (node == nodes_.home() && refused)
    known_.may_queue = false;  // nobody calls us: listen to the key itself
  if (node == nodes_.home()) nodes_.move_home();
  listen_anew(now);
}

// Until now the nodes have told of the release before this grant, and of things of the past.
void Waiter::on_granted(TimePoint now, NodeIndex node, std::uint64_t ahead) {
  if (nodes_[node].subscribed == Subscribed::Next) nodes_[node].echoes_until = now + kEcho;
  nodes_[node].told = false;
  if (several_ && node == nodes_.home()) react(now, WaiterEvent::OthersGone);
  if (!take_call(now, node, ahead)) return;
  forget_told();
  nodes_.set_expiry(TimePoint::max());
  known_.holder.reset();
  wanted_ = has_slots_ ? WaiterStep::AskState : WaiterStep::Nothing;
}

// It may have barred the lock, of which no key tells.
void Waiter::on_left(TimePoint now, NodeIndex node, std::uint64_t ahead) {
  take_call(now, node, ahead);
  if (node == nodes_.home()) react(now, WaiterEvent::OthersGone);
}

bool Waiter::take_call(TimePoint now, NodeIndex node, std::uint64_t ahead) {
  on_answer(node);
  if (node != nodes_.home() || several_ || !known_.position || ahead >= known_.position->ahead) return false;
  const std::uint64_t moved = known_.position->ahead - ahead;
  take_position(now, QueuePosition{.ahead = ahead, .waiting = known_.position->waiting - moved});
  return true;
}

void Waiter::on_key_changed(TimePoint now, NodeIndex node) {
  on_answer(node);
  if (now < std::exchange(nodes_[node].echoes_until, TimePoint{})) return;
  nodes_[node].told = true;
  react(now, nodes_.quorum_told() ? WaiterEvent::QuorumTold : WaiterEvent::SomeTold);
}

// From here on it is known, or about to be.
void Waiter::forget_told() {
  nodes_.forget_told();
  timers_.check = TimePoint::max();
}

// ---- Probes ------------------------------------------------------------------------------------------

void Waiter::on_holder(TimePoint now, NodeIndex node, const std::optional<Token>& holder) {
  on_answer(node);
  nodes_[node].asked = Asked::Nothing;
  if (holder && holder == known_.holder) return;
  react(now, holder ? WaiterEvent::OtherHolder : WaiterEvent::NoHolder);
}

void Waiter::on_queue_state(TimePoint now, NodeIndex node, const QueueState& state) {
  on_answer(node);
  const Asked asked = std::exchange(nodes_[node].asked, Asked::Nothing);
  nodes_[node].queues = state.position.has_value();
  const bool was_first = role() == WaiterRole::First;
  const auto& known = known_.position;
  if (known && !state.position) {
    react(now, WaiterEvent::NotQueued);
  } else if (state.position && (!known || state.position->ahead < known->ahead)) {
    take_position(now, state.position);  // not a greater one: the answer may be older than a call
  }
  // A bar that a lost message left on one node keeps nobody out: the first finds out by trying.
  if (!state.holder || (state.barred && role() == WaiterRole::First))
    return react(now, asked == Asked::InTurn ? WaiterEvent::StillNone : WaiterEvent::NoHolder);
  if (several_ && (!was_first || known_.holder != state.holder)) react(now, WaiterEvent::BarDue);
  known_.holder = state.holder;
  nodes_.set_expiry(end_of(now, state.remaining));
}

void Waiter::on_probe_failed(TimePoint now, NodeIndex node) {
  const Asked asked = std::exchange(nodes_[node].asked, Asked::Nothing);
  nodes_[node].answers = false;
  if (node == nodes_.home()) nodes_.move_home();
  if (!nodes_.quorum_answers()) return react(now, WaiterEvent::TooFewAnswer);
  react(now, asked == Asked::InTurn ? WaiterEvent::CheckDue : WaiterEvent::ProbeFailed);
}

Waiter::Action Waiter::ask(TimePoint now, Probe what, Asked how) {
  plan_poll(now);
  const auto node = nodes_.next_to_ask(what);
  if (!node) {  // each is being asked, and has answered or failed soon
    if (timers_.check <= now) timers_.check = now + slot();
    return Sleep{};
  }
  nodes_[*node].asked = how;
  if (what == Probe::QueueState) forget_told();
  return Ask{.node = *node, .what = what};
}

// ---- Time --------------------------------------------------------------------------------------------

Duration Waiter::slot() const {
  return std::clamp(times(known_.round_trip, kSlotRoundTrips), kLeastSlot, kGreatestSlot);
}

// How long the earlier waiters need; if there are none, how long to leave doubts alone.
Duration Waiter::slots() const {
  if (!known_.position) return times(slot(), known_.crowd * kUnknownCrowd);
  return slot() *
         static_cast<Duration::rep>(std::clamp<std::uint64_t>(known_.position->ahead, 1, kMostSlots));
}

// The first finds out by trying; the others give it its slot.
TimePoint Waiter::expiry_due() const {
  const TimePoint end = role() == WaiterRole::Queued ? TimePoint::max() : nodes_.expires();
  if (end == TimePoint::max()) return end;
  return end + kLeastPause + (role() == WaiterRole::First ? Duration{} : slots());
}

void Waiter::plan_poll(TimePoint now) {
  const double fewer = std::max(1.0, kNodesAtFullRate / static_cast<double>(nodes_.size()));
  timers_.poll = now + times(kLeastPoll, fewer * (1 + entropy_.unit()));
}

TimePoint Waiter::deadline() const {
  if (wanted_ != WaiterStep::Nothing) return TimePoint{};
  return std::min({timers_.check, timers_.poll, timers_.retry, timers_.renew, expiry_due()});
}

Waiter::Action Waiter::next(TimePoint now) {
  if (timers_.check <= now) react(now, WaiterEvent::CheckDue);
  if (timers_.poll <= now) react(now, WaiterEvent::PollDue);
  if (timers_.retry <= now) react(now, WaiterEvent::RetryDue);
  if (timers_.renew <= now) react(now, WaiterEvent::RenewDue);
  if (expiry_due() <= now) {
    react(now, WaiterEvent::ExpiryDue);
    nodes_.set_expiry(TimePoint::max());  // until we are told anew
  }
  const WaiterStep step = std::exchange(wanted_, WaiterStep::Nothing);
  if (step == WaiterStep::Try || step == WaiterStep::Pass) {
    forget_told();
    known_.holder_at_try = known_.holder;
  }
  switch (step) {
    case WaiterStep::Nothing:
    case WaiterStep::PlanCheck: return Sleep{};
    case WaiterStep::AskHolder: return ask(now, Probe::Holder, Asked::OutOfTurn);
    case WaiterStep::AskState: return ask(now, Probe::QueueState, Asked::OutOfTurn);
    case WaiterStep::Check: return ask(now, Probe::QueueState, Asked::InTurn);
    case WaiterStep::Try: return Try{.in_turn = false, .bars = passed_over_};
    case WaiterStep::Pass: return Try{.in_turn = true, .bars = passed_over_};
  }
  return Sleep{};
}

}  // namespace redlock::quorum
