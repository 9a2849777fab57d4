// How a Session waits for its turn (await_turn): what a Vigil wants is asked of the nodes, and what they tell, told to it.
#include "base/overload.hpp"
#include "lock/session.hpp"
#include "redis/line.hpp"

#include <algorithm>
#include <utility>

namespace redlock::lock {

// What is no part of the algorithm: what a node tells of changes, what a look has found, the end of our position in a line.
bool Session::take_hearsay(const redis::Event& event) {
  const quorum::NodeIndex node = event.node;
  const TimePoint now = surroundings_.clock.boot_now();
  if (const auto* listening = std::get_if<redis::Listening>(&event.what)) {
    if (vigil_) vigil_->on_listening(now, node, listening->calls);
    return true;
  }
  if (const auto* called = std::get_if<redis::Called>(&event.what)) {
    if (vigil_ && attempt_->verdict()) vigil_->on_called(now, node, called->ahead);
    return true;
  }
  if (std::holds_alternative<redis::Deaf>(event.what)) {
    if (vigil_) vigil_->on_deaf(now, node);
    return true;
  }
  if (std::holds_alternative<redis::KeyChanged>(event.what)) {
    if (attempt_ && attempt_->verdict() && vigil_) {
      vigil_->on_change(now, node);
    } else {
      ++heard_[node];
    }
    return true;
  }
  if (event.id != 0 && event.id == leaving_[node]) {
    leaving_[node] = 0;
    return true;
  }
  if (event.id == 0 || event.id != looks_[node].id) return std::holds_alternative<redis::Value>(event.what);
  take_look(event);
  return true;
}

void Session::take_look(const redis::Event& event) {
  const quorum::NodeIndex node = event.node;
  const TimePoint now = surroundings_.clock.boot_now();
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

void Session::listen() {
  for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (!vigil_->wants(node)) continue;
    nodes_.listen(node, node_timeout_, vigil_->wants_calls(node) ? calls_ : std::string{});
    nodes_.await_changes(node, vigil_->patience());
    nodes_.hush(node, vigil_->hushes(node));
  }
}

void Session::look(const quorum::Vigil::Look& wanted) {
  constexpr Duration least = std::chrono::milliseconds{100};
  constexpr int round_trips = 4;
  looks_[wanted.node] = {.id = ids_.next(), .what = wanted.what};
  nodes_.ask({.node = wanted.node,
              .id = looks_[wanted.node].id,
              .words = redis::look_words(wanted.what, redis::LockKeys{key_}, *waiter_),
              .deadline = surroundings_.clock.boot_now() +
                          std::min(std::max(round_trips * round_trip_, least), node_timeout_)});
}

namespace {

// What is told changes by a little with each look.
constexpr Duration kNews = std::chrono::milliseconds{500};

void tell_news(TimePoint now, const quorum::Vigil& vigil, quorum::Held& told, TimePoint& told_expires,
               const Session::Wait& wait) {
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

Session::Woken Session::await_turn(const quorum::Held& held, const Wait& wait,
                                   std::span<const int> wake_fds) {
  if (!vigil_) {
    vigil_.emplace(
        quorum::VigilRules{.nodes = nodes_.size(), .retry_delay = wait.retry_delay, .curious = wait.curious},
        surroundings_.entropy);
    if (waiter_) calls_ = redis::calls_to(*waiter_);
  }
  vigil_->on_held(surroundings_.clock.boot_now(), held, attempt_->votes(), round_trip_);
  for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
    for (unsigned times = std::exchange(heard_[node], 0U); times > 0; --times) {
      vigil_->on_change(surroundings_.clock.boot_now(), node);
    }
  }
  quorum::Held told = held;
  TimePoint told_expires = vigil_->expires();
  for (;;) {
    if (any_readable(wake_fds)) return {.by_descriptor = true};
    const TimePoint now = surroundings_.clock.boot_now();
    if (now >= wait.until) return {};
    const auto action = vigil_->next(now);
    if (const auto* attempt = std::get_if<quorum::Vigil::Try>(&action)) {
      const auto position = vigil_->position();
      const bool passes_others = !position || position->ahead > 0;
      return {.in_turn = attempt->in_turn && passes_others};
    }
    if (const auto* wanted = std::get_if<quorum::Vigil::Look>(&action)) {
      look(*wanted);
      continue;
    }
    listen();
    nodes_.nap(vigil_->nap_until());
    rest(std::min(wait.until, vigil_->deadline()), wake_fds);
    tell_news(surroundings_.clock.boot_now(), *vigil_, told, told_expires, wait);
  }
}

// Behind the requests that entered it, on the same connections.
void Session::leave_line() {
  for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (!in_line_[node]) continue;
    in_line_[node] = false;
    if (!nodes_.reached(node)) continue;
    leaving_[node] = ids_.next();
    nodes_.ask({.node = node,
                .id = leaving_[node],
                .words = redis::leave_words(redis::LockKeys{key_}, *waiter_),
                .deadline = surroundings_.clock.boot_now() + node_timeout_});
  }
}

}  // namespace redlock::lock
