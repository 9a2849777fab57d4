#include "lock/waiting.hpp"

#include "base/overload.hpp"
#include "redis/queue.hpp"

#include <algorithm>

namespace redlock::lock {

using quorum::Subscribed;

bool Waiting::take(const redis::Event& event) {
  const quorum::NodeIndex node = event.node;
  const TimePoint now = driver_.now().boot;
  if (event.id != 0 && event.id == probes_[node].id) {
    take_probe(event);
    return true;
  }
  if (const auto* ready = std::get_if<redis::SubscriptionReady>(&event.what)) {
    if (waiter_) note_subscribed(now, node, ready->calls);
    return true;
  }
  if (const auto* called = std::get_if<redis::Called>(&event.what)) {
    if (waiter_ && called->granted) waiter_->on_granted(now, node, called->ahead);
    if (waiter_ && !called->granted) waiter_->on_left(now, node, called->ahead);
    return true;
  }
  if (std::holds_alternative<redis::SubscriptionLost>(event.what)) {
    if (waiter_) waiter_->on_unsubscribed(now, node, false);
    return true;
  }
  if (std::holds_alternative<redis::KeyChanged>(event.what)) {
    if (waiter_) waiter_->on_key_changed(now, node);
    return true;
  }
  if (waiter_ && std::holds_alternative<quorum::Reply>(event.what)) waiter_->on_answer(node);
  return false;
}

// A node that does not call tells of changes all the same.
void Waiting::note_subscribed(TimePoint now, quorum::NodeIndex node, bool calls) {
  const bool queued = waiter_->wants(node) == Subscribed::Queued;
  if (queued && !calls) waiter_->on_unsubscribed(now, node, true);
  waiter_->on_subscribed(now, node, queued && calls ? Subscribed::Queued : Subscribed::Next);
}

void Waiting::take_probe(const redis::Event& event) {
  const quorum::NodeIndex node = event.node;
  const TimePoint now = driver_.now().boot;
  probes_[node].id = 0;
  const auto* value = std::get_if<redis::Value>(&event.what);
  const redis::Found found = value != nullptr
                                 ? redis::decode_probe(probes_[node].what, *value, driver_.has_slots())
                                 : redis::Found{};
  std::visit(Overload{[&](std::monostate) { waiter_->on_probe_failed(now, node); },
                      [&](const redis::FoundHolder& holder) { waiter_->on_holder(now, node, holder.token); },
                      [&](const quorum::QueueState& state) {
                        waiter_->on_queue_state(now, node, state);
                        const bool rests = state.info.resting.has_value();
                        const bool known =
                            state.holder == told_.holder && rests == told_.info.resting.has_value();
                        if (!state.holder || known) return;
                        told_.holder = *state.holder;
                        told_.info = state.info;
                        told_.name = state.name;
                        told_.barred = state.barred;
                        told_expires_ = TimePoint{};  // news
                      }},
             found);
}

void Waiting::subscribe() {
  redis::Nodes& nodes = driver_.nodes();
  for (quorum::NodeIndex node = 0; node < nodes.size(); ++node) {
    const Subscribed wanted = waiter_->wants(node);
    if (wanted == Subscribed::Nothing) continue;
    using enum redis::SubscriptionMode;
    nodes.subscribe(node, wanted == Subscribed::Queued ? Queued : Next,
                    entry_ ? redis::channel_of(*entry_) : std::string{}, driver_.node_timeout());
  }
}

void Waiting::probe(const quorum::Waiter::Ask& wanted, Duration round_trip) {
  constexpr Duration least = std::chrono::milliseconds{100};
  constexpr int round_trips = 4;
  // The script says who has each of several names, or slots.
  const quorum::Probe what =
      driver_.keys().size() > 1 || driver_.has_slots() ? quorum::Probe::QueueState : wanted.what;
  probes_[wanted.node] = {.id = driver_.ids().next(), .what = what};
  driver_.nodes().ask({.node = wanted.node,
                       .id = probes_[wanted.node].id,
                       .words = redis::probe_words(what, driver_.keys(), *entry_),
                       .deadline = driver_.now().boot + std::min(std::max(round_trips * round_trip, least),
                                                                 driver_.node_timeout())});
}

// The position, the holder, or when the lock expires; of that only what a person notices.
void Waiting::tell_news(const Wait& wait) {
  constexpr Duration noticeable = std::chrono::milliseconds{500};
  const auto& position = waiter_->position();
  const TimePoint expires = waiter_->expires();
  const bool moved = position && (!told_.position || told_.position->ahead != position->ahead);
  // A new holder's TTL is not known at first.
  const bool extended = expires != TimePoint::max() && std::chrono::abs(expires - told_expires_) > noticeable;
  if (!moved && !extended) return;
  told_.position = position;
  if (expires != TimePoint::max()) {
    told_expires_ = expires;
    told_.free_in = std::max(expires - driver_.now().boot, Duration::zero());
  }
  wait.on_news(told_);
}

Waiting::Woken Waiting::await_turn(const quorum::Held& held, const Wait& wait,
                                   std::span<const int> wake_fds) {
  if (!waiter_) {
    waiter_.emplace(wait.retry_delay, driver_.membership(), driver_.entropy(),
                    driver_.keys().size() > 1 && !driver_.has_slots(), driver_.has_slots());
    entry_ = wait.entry;
  }
  waiter_->on_held(driver_.now().boot, held, wait.votes, wait.round_trip);
  told_ = held;
  told_expires_ = waiter_->expires();
  for (;;) {
    const TimePoint now = driver_.now().boot;
    if (now >= wait.until) return {};
    const auto action = waiter_->next(now);
    if (const auto* attempt = std::get_if<quorum::Waiter::Try>(&action))
      return {.in_turn = attempt->in_turn, .bars = attempt->bars};
    if (const auto* wanted = std::get_if<quorum::Waiter::Ask>(&action)) {
      probe(*wanted, wait.round_trip);
      continue;
    }
    subscribe();
    if (driver_.turn(std::min(wait.until, waiter_->deadline()), wake_fds)) return {.by_descriptor = true};
    tell_news(wait);
  }
}

}  // namespace redlock::lock
