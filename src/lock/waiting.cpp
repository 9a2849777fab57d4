#include "lock/waiting.hpp"

#include "base/overload.hpp"
#include "redis/line.hpp"

#include <algorithm>
#include <utility>

namespace redlock::lock {

Waiting::Waiting(Driver& driver) : driver_{driver}, heard_(driver.size()), looks_(driver.size()) {
}

void Waiting::begin_attempt() {
  std::fill(heard_.begin(), heard_.end(), 0U);
}

bool Waiting::take(const redis::Event& event, bool attempting) {
  const quorum::NodeIndex node = event.node;
  const TimePoint now = driver_.now().boot;
  if (const auto* listening = std::get_if<redis::Listening>(&event.what)) {
    if (vigil_) vigil_->on_listening(now, node, listening->calls);
    return true;
  }
  if (const auto* called = std::get_if<redis::Called>(&event.what)) {
    if (vigil_ && !attempting) vigil_->on_called(now, node, called->ahead);
    return true;
  }
  if (std::holds_alternative<redis::Deaf>(event.what)) {
    if (vigil_) vigil_->on_deaf(now, node);
    return true;
  }
  if (std::holds_alternative<redis::KeyChanged>(event.what)) {
    if (vigil_ && !attempting) {
      vigil_->on_change(now, node);
    } else {
      ++heard_[node];
    }
    return true;
  }
  if (event.id != 0 && event.id == looks_[node].id) {
    take_look(event);
    return true;
  }
  // While an attempt goes on, that is no news.
  if (vigil_ && std::holds_alternative<quorum::Reply>(event.what)) vigil_->on_late_answer(node);
  return false;
}

void Waiting::take_look(const redis::Event& event) {
  const quorum::NodeIndex node = event.node;
  const TimePoint now = driver_.now().boot;
  looks_[node].id = 0;
  const auto* value = std::get_if<redis::Value>(&event.what);
  const redis::Seen seen = value != nullptr ? redis::decode_seen(looks_[node].what, *value) : redis::Seen{};
  std::visit(
      Overload{[&](std::monostate) { vigil_->on_look_failed(node); },
               [&](const redis::Holder& holder) { vigil_->on_holder(now, node, holder.token); },
               [&](const redis::Remaining& remaining) { vigil_->on_remaining(now, node, remaining.time); },
               [&](const quorum::Outlook& outlook) { vigil_->on_outlook(now, node, outlook); }},
      seen);
}

void Waiting::listen() {
  redis::Nodes& nodes = driver_.nodes();
  for (quorum::NodeIndex node = 0; node < nodes.size(); ++node) {
    if (!vigil_->wants(node)) continue;
    nodes.listen(node, driver_.node_timeout(), vigil_->wants_calls(node) ? calls_ : std::string{});
    nodes.hush(node, vigil_->hushes(node));
  }
}

void Waiting::look(const quorum::Vigil::Look& wanted, Duration round_trip) {
  constexpr Duration least = std::chrono::milliseconds{100};
  constexpr int round_trips = 4;
  looks_[wanted.node] = {.id = driver_.ids().next(), .what = wanted.what};
  driver_.nodes().ask({.node = wanted.node,
                       .id = looks_[wanted.node].id,
                       .words = redis::look_words(wanted.what, driver_.keys(), *waiter_),
                       .deadline = driver_.now().boot + std::min(std::max(round_trips * round_trip, least),
                                                                 driver_.node_timeout())});
}

namespace {

// The time that a node tells changes by a little with each look.
constexpr Duration kNews = std::chrono::milliseconds{500};

void tell_news(const quorum::Vigil& vigil, quorum::Held& told, TimePoint& told_expires, TimePoint now,
               const Waiting::Wait& wait) {
  const auto position = vigil.position();
  const TimePoint expires = vigil.expires();
  const bool moved = position && (!told.position || told.position->ahead != position->ahead);
  // A new holder's TTL is not known at first.
  const bool extended = expires != TimePoint::max() && std::chrono::abs(expires - told_expires) > kNews;
  if (!moved && !extended) return;
  told.position = position;
  if (expires != TimePoint::max()) {
    told_expires = expires;
    told.free_in = std::max(expires - now, Duration::zero());
  }
  wait.on_news(told);
}

}  // namespace

Waiting::Woken Waiting::await_turn(const quorum::Held& held, const Wait& wait,
                                   std::span<const int> wake_fds) {
  if (!vigil_) {
    vigil_.emplace(
        quorum::VigilRules{.nodes = driver_.size(), .retry_delay = wait.retry_delay, .curious = wait.curious},
        driver_.entropy());
    waiter_ = wait.waiter;
    if (waiter_) calls_ = redis::calls_to(*waiter_);
  }
  vigil_->on_held(driver_.now().boot, held, wait.votes, wait.round_trip);
  for (quorum::NodeIndex node = 0; node < heard_.size(); ++node) {
    for (unsigned times = std::exchange(heard_[node], 0U); times > 0; --times) {
      vigil_->on_change(driver_.now().boot, node);
    }
  }
  quorum::Held told = held;
  TimePoint told_expires = vigil_->expires();
  std::optional<int> woken;
  for (;;) {
    if (woken) return {.by_descriptor = true};
    const TimePoint now = driver_.now().boot;
    if (now >= wait.until) return {};
    const auto action = vigil_->next(now);
    if (const auto* attempt = std::get_if<quorum::Vigil::Try>(&action)) {
      const auto position = vigil_->position();
      const bool passes_others = !position || position->ahead > 0;
      return {.in_turn = attempt->in_turn && passes_others};
    }
    if (const auto* wanted = std::get_if<quorum::Vigil::Look>(&action)) {
      look(*wanted, wait.round_trip);
      continue;
    }
    listen();
    woken = driver_.turn(std::min(wait.until, vigil_->deadline()), wake_fds);
    tell_news(*vigil_, told, told_expires, driver_.now().boot, wait);
  }
}

}  // namespace redlock::lock
