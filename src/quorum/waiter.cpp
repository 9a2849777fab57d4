#include "quorum/waiter.hpp"

#include <algorithm>
#include <utility>

namespace redlock::quorum {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Long enough for an earlier waiter to be seen trying, which takes it a round trip, on a machine that has other things to
// do.
constexpr Duration kLeastSlot = milliseconds{8};
constexpr Duration kGreatestSlot = milliseconds{250};
constexpr double kSlotRoundTrips = 1.25;
// Events overtake those who are farther back long before their slots are over.
constexpr std::uint64_t kMostSlots = 1000;
// A waiter that is in no queue stands somewhere among so many.
constexpr double kUnknownCrowd = 8;

// Less than a quorum may say what it likes without making us ask more often than this.
constexpr Duration kDoubtPause = milliseconds{250};

// With five nodes each sees less than one command in seven seconds; fewer nodes are asked as rarely.
constexpr Duration kLeastPoll = seconds{1};
constexpr double kNodesAtFullRate = 5.5;

// Well within the life of a position in the queue (redis/queue.hpp).
constexpr Duration kRenewal = seconds{200};

constexpr Duration kLeastPause = milliseconds{1};

TimePoint end_of(TimePoint now, milliseconds remaining) {
  return remaining < Duration{} ? TimePoint::max() : now + remaining;
}

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
  const TimePoint from = event == WaiterEvent::SomeTold ? std::max(now, timers_.doubt) : now;
  timers_.check = std::min(timers_.check, from + slots());
}

// ---- Attempts ----------------------------------------------------------------------------------------

Waiter::Waiter(Duration retry_delay, const Membership& membership, Entropy& entropy)
    : retry_delay_{retry_delay},
      membership_{membership},
      entropy_{entropy},
      nodes_(membership.nodes()),
      home_{entropy.next() % membership.nodes()} {
}

void Waiter::on_held(TimePoint now, const Held& held, const NodeVotes& votes, Duration round_trip) {
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Refused* refused = votes[i].refused();
    const bool free = votes[i].granted() != nullptr;
    nodes_[i].answers = free || refused != nullptr;
    nodes_[i].queues = refused != nullptr && refused->position.has_value();
    nodes_[i].expires = free ? now : refused != nullptr ? end_of(now, refused->remaining) : TimePoint::max();
  }
  known_.holder = held.holder;
  known_.crowd = entropy_.unit();
  known_.round_trip = std::min(known_.round_trip, round_trip);
  const Node& home = nodes_[home_];
  const bool in_vain = timers_.retry != TimePoint::max() && home.subscribed == Subscribed::Nothing;
  if (in_vain || !home.answers || !home.queues) move_home();
  timers_.retry = TimePoint::max();
  timers_.renew = now + times(kRenewal, 0.9 + 0.2 * entropy_.unit());
  wanted_ = WaiterStep::Nothing;
  take_position(now, held.position);
  plan_poll(now);
  // What was told while the attempt went on may be news.
  if (quorum_told()) react(now, WaiterEvent::QuorumTold);
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
  return node == home_ ? Subscribed::Queued : Subscribed::Nothing;
}

bool Waiter::hears() const {
  if (role() == WaiterRole::Queued) return nodes_[home_].subscribed != Subscribed::Nothing;
  return membership_.is_quorum(
      membership_.nodes_where([this](NodeIndex i) { return nodes_[i].subscribed == Subscribed::Next; }));
}

bool Waiter::quorum_told() const {
  return membership_.is_quorum(membership_.nodes_where([this](NodeIndex i) { return nodes_[i].told; }));
}

void Waiter::listen_anew(TimePoint now) {
  if (hears()) {
    timers_.retry = TimePoint::max();
  } else if (timers_.retry == TimePoint::max()) {
    timers_.retry = now + std::max(times(retry_delay_, 0.5 + entropy_.unit()), kLeastPause);
  }
}

// To a node that can call us.
void Waiter::move_home() {
  for (NodeIndex step = 1; step <= nodes_.size(); ++step) {
    const NodeIndex next = (home_ + step) % nodes_.size();
    if (!nodes_[next].answers || !nodes_[next].queues) continue;
    home_ = next;
    return;
  }
}

void Waiter::on_subscribed(TimePoint now, NodeIndex node, Subscribed mode) {
  const bool heard = hears();
  nodes_[node].subscribed = mode;
  nodes_[node].is_to_echo = false;
  nodes_[node].answers = true;
  if (!heard && hears()) react(now, WaiterEvent::Hears);
  listen_anew(now);
}

void Waiter::on_unsubscribed(TimePoint now, NodeIndex node, bool refused) {
  nodes_[node].subscribed = Subscribed::Nothing;
  if (node == home_ && refused) known_.may_queue = false;  // nobody calls us: listen to the key itself
  if (node == home_) move_home();
  listen_anew(now);
}

// What the nodes have told of until now are the release before this grant, and things of the past.
void Waiter::on_called(TimePoint now, NodeIndex node, std::uint64_t ahead) {
  nodes_[node].is_to_echo = nodes_[node].subscribed == Subscribed::Next;
  nodes_[node].told = false;
  if (node != home_ || !known_.position || ahead >= known_.position->ahead) return;
  forget_told();
  for (Node& each : nodes_) each.expires = TimePoint::max();
  known_.holder.reset();
  wanted_ = WaiterStep::Nothing;
  const std::uint64_t moved = known_.position->ahead - ahead;
  take_position(now, QueuePosition{.ahead = ahead, .waiting = known_.position->waiting - moved});
}

void Waiter::on_key_changed(TimePoint now, NodeIndex node) {
  if (std::exchange(nodes_[node].is_to_echo, false)) return;
  nodes_[node].told = true;
  react(now, quorum_told() ? WaiterEvent::QuorumTold : WaiterEvent::SomeTold);
}

// From here on it is known, or about to be.
void Waiter::forget_told() {
  for (Node& node : nodes_) node.told = false;
  timers_.check = TimePoint::max();
}

// ---- Probes ------------------------------------------------------------------------------------------

void Waiter::on_holder(TimePoint now, NodeIndex node, const std::optional<Token>& holder) {
  nodes_[node].asked = Asked::Nothing;
  if (!holder) {
    react(now, WaiterEvent::NoHolder);
  } else if (holder != known_.holder) {
    react(now, WaiterEvent::OtherHolder);
  }
}

void Waiter::on_queue_state(TimePoint now, NodeIndex node, const QueueState& state) {
  const Asked asked = std::exchange(nodes_[node].asked, Asked::Nothing);
  nodes_[node].queues = state.position.has_value();
  const auto& known = known_.position;
  if (known && !state.position) {
    react(now, WaiterEvent::NotQueued);
  } else if (state.position && (!known || state.position->ahead < known->ahead)) {
    take_position(now, state.position);  // not a greater one: the answer may be older than a call
  }
  if (!state.holder)
    return react(now, asked == Asked::InTurn ? WaiterEvent::StillNone : WaiterEvent::NoHolder);
  known_.holder = state.holder;
  for (Node& each : nodes_) each.expires = end_of(now, state.remaining);
}

void Waiter::on_probe_failed(TimePoint now, NodeIndex node) {
  const Asked asked = std::exchange(nodes_[node].asked, Asked::Nothing);
  nodes_[node].answers = false;
  if (node == home_) move_home();
  react(now, asked == Asked::InTurn ? WaiterEvent::CheckDue : WaiterEvent::ProbeFailed);
}

std::optional<NodeIndex> Waiter::pick_node() {
  for (NodeIndex step = 0; step < nodes_.size(); ++step) {
    asked_ = (asked_ + 1) % nodes_.size();
    if (nodes_[asked_].answers && nodes_[asked_].asked == Asked::Nothing) return asked_;
  }
  return std::nullopt;
}

Waiter::Action Waiter::ask(TimePoint now, Probe what, Asked how) {
  plan_poll(now);
  const auto node = pick_node();
  if (!node) {  // each is asked already, or does not answer
    if (timers_.check <= now) timers_.check = now + slot();
    return Sleep{};
  }
  nodes_[*node].asked = how;
  if (what == Probe::QueueState) forget_told();
  if (how == Asked::InTurn) timers_.doubt = now + kDoubtPause;
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

TimePoint Waiter::expires() const {
  std::vector<Membership::Later> ends;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].expires != TimePoint::max())
      ends.push_back({.after = nodes_[i].expires.time_since_epoch(), .node = i});
  }
  const auto end = membership_.quorum_after({}, ends);
  return end ? TimePoint{*end} : TimePoint::max();
}

// The first finds out by trying; the others give it its slot.
TimePoint Waiter::expiry_due() const {
  const TimePoint end = role() == WaiterRole::Queued ? TimePoint::max() : expires();
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
    for (Node& node : nodes_) node.expires = TimePoint::max();  // until we are told anew
  }
  switch (std::exchange(wanted_, WaiterStep::Nothing)) {
    case WaiterStep::Nothing:
    case WaiterStep::PlanCheck: return Sleep{};
    case WaiterStep::AskHolder: return ask(now, Probe::Holder, Asked::OutOfTurn);
    case WaiterStep::AskState: return ask(now, Probe::QueueState, Asked::OutOfTurn);
    case WaiterStep::Check: return ask(now, Probe::QueueState, Asked::InTurn);
    case WaiterStep::Try: forget_told(); return Try{.in_turn = false};
    case WaiterStep::Pass: forget_told(); return Try{.in_turn = true};
  }
  return Sleep{};
}

}  // namespace redlock::quorum
