#include "redis/subscription.hpp"

#include "base/log.hpp"
#include "redis/node_error.hpp"
#include "redis/queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::redis {
namespace {

using quorum::Failure;

constexpr std::chrono::milliseconds kLeastRest{50};
constexpr std::chrono::seconds kGreatestRest{5};

// A prefix matches the keys of others, too. A waiter that would be woken by them so often looks by itself for a while.
constexpr unsigned kMostNoise = 200;
constexpr std::chrono::seconds kNoiseTime{5};
constexpr std::chrono::minutes kNoiseRest{1};

bool names(const Value& changed, const std::vector<std::string>& keys) {
  if (changed.type == Value::Type::Nil) return true;  // all keys: FLUSHALL
  return std::any_of(changed.elements.begin(), changed.elements.end(), [&](const Value& each) {
    return std::find(keys.begin(), keys.end(), each.text) != keys.end();
  });
}

// Redis takes no two prefixes of which one begins with the other.
bool has_prefix_among(const std::string& key, const std::vector<std::string>& keys) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const std::string& other) { return other != key && key.starts_with(other); });
}

bool says(const Value& value, std::string_view what) {
  return value.type == Value::Type::Array && !value.elements.empty() && value.elements[0].text == what;
}

Failure broken(std::string_view why) {
  return node_failure(NodeError::Disconnected, std::string{why});
}

}  // namespace

Subscription::Subscription(SubscriptionTarget target, const net::Surroundings& surroundings,
                           std::vector<Event>& events)
    : target_{std::move(target)}, surroundings_{surroundings}, events_{events}, rest_{kLeastRest} {
}

SubscriptionMode Subscription::effective_mode() const noexcept {
  return target_.channel.empty() || !may_be_called_ ? SubscriptionMode::Next : mode_;
}

void Subscription::set_mode(SubscriptionMode mode) {
  const SubscriptionMode before = effective_mode();
  mode_ = mode;
  if (effective_mode() == before || !conversation_) return;
  conversation_.reset();
  timer_ = TimePoint{};
}

TimePoint Subscription::next_timer() const noexcept {
  return conversation_ ? std::min(timer_, conversation_->connection.next_timer()) : timer_;
}

void Subscription::watch(net::Poller& poller) const {
  if (!conversation_) return;
  conversation_->connection.watch(poller, conversation_->written < conversation_->unsent.reveal().size());
}

void Subscription::advance(TimePoint now) {
  if (!conversation_) {
    if (now < timer_) return;
    open(now);
  }
  if (const auto failure = go_on(now)) return end(*failure, now);
  if (conversation_ && now >= timer_) end(broken("not ready in time"), now);
}

void Subscription::open(TimePoint now) {
  conversation_.emplace(target_.endpoint, surroundings_.network, now);
  timer_ = now + target_.timeout;
}

std::optional<Failure> Subscription::go_on(TimePoint now) {
  Connection& connection = conversation_->connection;
  if (!connection.is_open()) {
    const bool resolving = connection.phase() == Connection::Phase::Resolving;
    if (auto failure = connection.advance(now, target_.timeout)) return failure;
    if (connection.phase() == Connection::Phase::Resolving) {
      timer_ = TimePoint::max();  // a second one beside it would fare no better
    } else if (resolving) {
      timer_ = now + target_.timeout;
    }
    if (!connection.is_open()) return std::nullopt;
    begin();
  }
  if (auto failure = write_out()) return failure;
  return connection.read([] { return kMaxReplyBytes; }, [&](const Value& value) { return take(value, now); });
}

std::optional<Failure> Subscription::write_out() {
  auto& [connection, steps, unsent, written] = *conversation_;
  while (written < unsent.reveal().size() || connection.holds_back()) {
    const std::string_view rest = unsent.reveal().substr(written);
    const iovec part{.iov_base = const_cast<char*>(rest.data()), .iov_len = rest.size()};
    const auto taken = connection.write({&part, rest.empty() ? 0U : 1U});
    if (const auto* failure = std::get_if<Failure>(&taken)) return *failure;
    if (std::get<std::size_t>(taken) == 0) break;
    written += std::get<std::size_t>(taken);
  }
  return std::nullopt;
}

// ---- What is said

void Subscription::say(Step step, const Words& words) {
  Conversation& conversation = *conversation_;
  std::string bytes{conversation.unsent.reveal().substr(conversation.written)};
  bytes += format_command(words).reveal();
  conversation.unsent = Secret{std::move(bytes)};
  conversation.written = 0;
  conversation.steps.push_back(step);
}

// A node that permits us no PUBLISH calls nobody: the other clients have, most likely, the same rights.
void Subscription::begin() {
  const NodeEndpoint& endpoint = target_.endpoint;
  if (!endpoint.password.empty()) {
    Words words{"AUTH"};
    if (!endpoint.username.empty()) words.emplace_back(endpoint.username);
    words.push_back(endpoint.password.reveal());
    say(Step::Auth, words);
  }
  if (effective_mode() == SubscriptionMode::Next) return say(Step::Id, {"CLIENT", "ID"});
  say(Step::Publish, {"PUBLISH", target_.channel, ""});
  say(Step::Channel, {"SUBSCRIBE", target_.channel});
}

// The messages of the tracking are directed to the connection that asks for it.
void Subscription::begin_tracking(const std::string& id) {
  Words tracking{"CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST"};
  for (const std::string& key : target_.keys) {
    if (!has_prefix_among(key, target_.keys)) tracking.insert(tracking.end(), {"PREFIX", key});
  }
  say(Step::Tracking, tracking);
  if (!target_.channel.empty() && may_be_called_) {
    say(Step::Publish, {"PUBLISH", target_.channel, ""});
    say(Step::Channel, {"SUBSCRIBE", target_.channel});
  }
  say(Step::Invalidations, {"SUBSCRIBE", kInvalidations});
}

// ---- What is heard

// Takes one answer or message. Returns why the connection must end.
std::optional<Failure> Subscription::take(const Value& value, TimePoint now) {
  Conversation& conversation = *conversation_;
  if (value.type != Value::Type::Error && (says(value, "message") || conversation.steps.empty()))
    return take_message(value, now);
  if (value.type == Value::Type::Error) return take_error(value);
  const Step step = conversation.steps.front();
  conversation.steps.pop_front();
  if (step == Step::Id) {
    if (value.type != Value::Type::Integer) return broken("an answer to another question");
    begin_tracking(std::to_string(value.integer));
    return write_out();
  }
  if ((step == Step::Channel || step == Step::Invalidations) && !says(value, "subscribe"))
    return broken("an answer to another question");
  if (!conversation.steps.empty()) return std::nullopt;
  timer_ = TimePoint::max();
  rest_ = kLeastRest;
  told_ = true;
  conversation.connection.keep_alive();
  const bool calls = !target_.channel.empty() && may_be_called_;
  events_.push_back({.node = target_.node, .id = 0, .what = SubscriptionReady{.calls = calls}});
  return std::nullopt;
}

// A command that is not allowed is not tried again; LOADING and the like pass.
std::optional<Failure> Subscription::take_error(const Value& value) {
  Failure failure = classify(value.text);
  if (conversation_->steps.empty()) return failure;
  const Step step = conversation_->steps.front();
  if (step == Step::Publish || step == Step::Channel) {
    may_be_called_ = false;
    if (mode_ == SubscriptionMode::Queued) return broken("it does not call: " + failure.detail);
    conversation_->steps.pop_front();
    return std::nullopt;
  }
  refused_ = !failure.passes;
  if (step == Step::Auth) failure.detail = "AUTH is refused";
  return failure;
}

// "message", the channel, and the keys that have changed.
std::optional<Failure> Subscription::take_message(const Value& value, TimePoint now) {
  if (value.type != Value::Type::Array || value.elements.size() != 3) return broken("not a message");
  if (!target_.channel.empty() && value.elements[1].text == target_.channel) {
    if (const auto called = decode_call(value.elements[2].text))
      events_.push_back({.node = target_.node, .id = 0, .what = *called});
    return std::nullopt;
  }
  if (names(value.elements[2], target_.keys)) {
    events_.push_back({.node = target_.node, .id = 0, .what = KeyChanged{}});
    return std::nullopt;
  }
  if (now - noise_.since > kNoiseTime) noise_ = {.since = now};
  if (++noise_.count < kMostNoise) return std::nullopt;
  rest_ = kNoiseRest;
  return broken("it tells of too many other keys that begin with the name");
}

void Subscription::end(const Failure& failure, TimePoint now) {
  if (log::enabled(log::Level::Debug)) {
    log::debug(fmt::format("{}: does not tell of changes: {}{}", target_.endpoint.display(),
                           describe(failure, target_.endpoint),
                           refused_ ? ": looking again and again instead" : ""));
  }
  conversation_.reset();
  timer_ = TimePoint::max();
  if (!refused_) {
    timer_ = now + times(rest_, 0.5 + surroundings_.entropy.unit());
    rest_ = std::min<Duration>(2 * rest_, kGreatestRest);
  }
  if (std::exchange(told_, false))
    events_.push_back({.node = target_.node, .id = 0, .what = SubscriptionLost{}});
}

}  // namespace redlock::redis
