#include "redis/ear.hpp"

#include "base/log.hpp"
#include "redis/classify.hpp"
#include "redis/line.hpp"

#include <fmt/format.h>

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

namespace redlock::redis {
namespace {

using State = net::Progress::State;

constexpr std::string_view kChannel = "__redis__:invalidate";

constexpr std::chrono::milliseconds kLeastRest{50};
constexpr std::chrono::seconds kGreatestRest{5};

// A prefix matches the keys of others, too. Whoever would be woken by them so often looks by itself instead.
constexpr unsigned kMostNoise = 200;  // messages about other keys
constexpr std::chrono::seconds kNoiseTime{5};

constexpr std::size_t kReadSize = std::size_t{1} << 14U;
constexpr int kMostReads = 4;  // in a row: the node must not keep us from our timers

Secret commands(std::initializer_list<std::vector<std::string_view>> all) {
  std::string bytes;
  for (const auto& words : all) bytes += format_command(words).reveal();
  return Secret{std::move(bytes)};
}

// What is said first: the answer names the connection, so that the next can direct the messages to it.
Secret opening(const NodeEndpoint& endpoint) {
  if (endpoint.password.empty()) return commands({{"CLIENT", "ID"}});
  if (endpoint.username.empty()) return commands({{"AUTH", endpoint.password.reveal()}, {"CLIENT", "ID"}});
  return commands({{"AUTH", endpoint.username, endpoint.password.reveal()}, {"CLIENT", "ID"}});
}

bool names(const Value& keys, const std::string& key) {
  if (keys.type == Value::Type::Nil) return true;  // all keys: FLUSHALL
  return std::any_of(keys.elements.begin(), keys.elements.end(),
                     [&](const Value& each) { return each.text == key; });
}

bool says(const Value& value, std::string_view what) {
  return value.type == Value::Type::Array && !value.elements.empty() && value.elements[0].text == what;
}

}  // namespace

Ear::Ear(quorum::NodeIndex node, const NodeEndpoint& endpoint, const std::string& key, std::string calls,
         Duration timeout, const net::Surroundings& surroundings, std::vector<Event>& events)
    : node_{node},
      endpoint_{endpoint},
      key_{key},
      calls_{std::move(calls)},
      timeout_{timeout},
      surroundings_{surroundings},
      events_{events},
      rest_{kLeastRest} {
}

TimePoint Ear::next_timer() const noexcept {
  if (std::holds_alternative<Resting>(phase_)) return timer_;
  if (const auto* dial = std::get_if<Dialing>(&phase_)) return std::min(give_up_at_, (*dial)->next_timer());
  return give_up_at_;
}

void Ear::watch(net::Poller& poller) const {
  if (const auto* dial = std::get_if<Dialing>(&phase_)) (*dial)->watch(poller);
  if (const auto* connection = std::get_if<Connection>(&phase_)) {
    const short wanted = connection->waits_for == State::WantWrite ? POLLOUT : POLLIN;
    poller.add(connection->stream->fd(), wanted);
  }
}

void Ear::advance(TimePoint now) {
  if (std::holds_alternative<Resting>(phase_)) {
    if (now < timer_) return;
    start(now);
  }
  if (!go_on_connecting(now)) return;
  auto& connection = std::get<Connection>(phase_);
  if (go_on_shaking_hands(connection, now) && write_out(connection, now)) read_in(connection, now);
  if (now >= give_up_at_) end(Ending::Broken, "not ready in time", now);
}

void Ear::start(TimePoint now) {
  phase_ = surroundings_.network.dial(endpoint_);
  give_up_at_ = now + timeout_;
}

// Returns whether there is a connection.
bool Ear::go_on_connecting(TimePoint now) {
  auto* dial = std::get_if<Dialing>(&phase_);
  if (dial == nullptr) return std::holds_alternative<Connection>(phase_);
  const bool resolving = (*dial)->phase() == net::Dial::Phase::Resolving;
  auto result = (*dial)->step(now, timeout_);
  if (const auto* failure = std::get_if<net::ConnectionFailure>(&result)) {
    end(Ending::Broken, failure->detail, now);
    return false;
  }
  if (auto* stream = std::get_if<std::unique_ptr<net::Stream>>(&result)) {
    auto& connection = phase_.emplace<Connection>(std::move(*stream));
    connection.unsent = opening(endpoint_);
    connection.step = endpoint_.password.empty() ? Step::Id : Step::Auth;
    if (resolving) give_up_at_ = now + timeout_;
    return true;
  }
  if ((*dial)->phase() == net::Dial::Phase::Resolving) {
    give_up_at_ = TimePoint::max();  // a second one beside it would fare no better
  } else if (resolving) {
    give_up_at_ = now + timeout_;
  } else if (now >= give_up_at_) {
    end(Ending::Broken, "not connected in time", now);
  }
  return false;
}

bool Ear::go_on_shaking_hands(Connection& connection, TimePoint now) {
  if (connection.handshaken) return true;
  const net::Progress progress = connection.stream->handshake();
  switch (progress.state) {
    case State::Done: connection.handshaken = true; return true;
    case State::WantRead:
    case State::WantWrite: connection.waits_for = progress.state; return false;
    case State::Ended:
    case State::Failed: end(Ending::Broken, progress.failure.detail, now); return false;
  }
  return false;
}

bool Ear::write_out(Connection& connection, TimePoint now) {
  while (connection.written < connection.unsent.reveal().size() || connection.stream->holds_back()) {
    const std::string_view rest = connection.unsent.reveal().substr(connection.written);
    const iovec part{.iov_base = const_cast<char*>(rest.data()), .iov_len = rest.size()};
    const net::Progress progress = connection.stream->write({&part, 1});
    switch (progress.state) {
      case State::Done: connection.written += progress.bytes; break;
      case State::WantRead:
      case State::WantWrite: connection.waits_for = progress.state; return true;
      case State::Ended:
      case State::Failed: end(Ending::Broken, progress.failure.detail, now); return false;
    }
  }
  return true;
}

void Ear::read_in(Connection& connection, TimePoint now) {
  std::array<char, kReadSize> bytes;
  for (int reads = 0; reads < kMostReads || connection.stream->buffered(); ++reads) {
    const net::Progress progress = connection.stream->read(bytes);
    switch (progress.state) {
      case State::Done: break;
      case State::WantRead:
      case State::WantWrite: connection.waits_for = progress.state; return;
      case State::Ended: return end(Ending::Broken, "the server closed it", now);
      case State::Failed: return end(Ending::Broken, progress.failure.detail, now);
    }
    connection.reader.feed({bytes.data(), progress.bytes});
    for (bool more = true; more;) {
      auto next = connection.reader.next();
      if (const auto* value = std::get_if<Value>(&next)) {
        if (!take(connection, *value, now)) return;
      } else if (std::holds_alternative<ReplyReader::Malformed>(next)) {
        return end(Ending::Broken, "not the Redis protocol", now);
      } else {
        more = false;
      }
    }
    if (progress.bytes < bytes.size() && !connection.stream->buffered()) return;
  }
}

void Ear::hush(bool quiet, TimePoint now) {
  if (std::exchange(quiet_, quiet) == quiet) return;
  auto* connection = std::get_if<Connection>(&phase_);
  if (connection == nullptr) return;
  if (!quiet && connection->step == Step::Ready) begin_telling(*connection, now);
  if (connection->step == (quiet ? Step::Listening : Step::Hushed)) change_over(*connection, now);
}

bool Ear::begin_telling(Connection& connection, TimePoint now) {
  connection.step = Step::Tracking;
  give_up_at_ = now + timeout_;
  if (calls_.empty()) return say(connection, {tracking(connection), {"SUBSCRIBE", kChannel}}, now);
  // Who is not allowed to call has, most likely, the rights of those who should call us.
  return say(connection,
             {tracking(connection), {"PUBLISH", calls_, ""}, {"SUBSCRIBE", calls_}, {"SUBSCRIBE", kChannel}},
             now);
}

// A connection that is subscribed to anything may do nothing else, and is told of changes though it has left their
// channel. The server does all of this in one go: no call is lost.
bool Ear::change_over(Connection& connection, TimePoint now) {
  if (!callable_) return true;
  connection.step = Step::ChangingOver;
  connection.hushed = quiet_;
  connection.due = 4;  // one for each channel, and one for the tracking
  give_up_at_ = now + timeout_;
  if (quiet_) {
    return say(connection,
               {{"UNSUBSCRIBE", calls_, kChannel}, {"CLIENT", "TRACKING", "OFF"}, {"SUBSCRIBE", calls_}},
               now);
  }
  return say(connection, {{"UNSUBSCRIBE", calls_}, tracking(connection), {"SUBSCRIBE", calls_, kChannel}},
             now);
}

bool Ear::say(Connection& connection, std::initializer_list<Words> all, TimePoint now) {
  connection.unsent = commands(all);
  connection.written = 0;
  return write_out(connection, now);
}

Ear::Words Ear::tracking(const Connection& connection) const {
  return {"CLIENT", "TRACKING", "ON", "REDIRECT", connection.id, "BCAST", "PREFIX", key_};
}

// Takes one answer or message. False when the connection has ended.
bool Ear::take(Connection& connection, const Value& value, TimePoint now) {
  if (value.type == Value::Type::Error) {
    // What it is not allowed is not asked for again; LOADING and the like pass.
    if (connection.step == Step::Publish || connection.step == Step::Calls) {
      if (callable_ && log::enabled(log::Level::Debug)) {
        log::debug(fmt::format("{}: does not call: {}", endpoint_.display(), classify(value.text).detail));
      }
      callable_ = false;
      connection.step = connection.step == Step::Publish ? Step::Calls : Step::Subscribe;
      return true;
    }
    const quorum::Failure failure = classify(value.text);
    using enum quorum::Failure::Kind;
    const bool refused = refuses_command(value.text) || failure.kind == AuthFailed ||
                         failure.kind == AuthRequired || failure.kind == NotPermitted ||
                         connection.step == Step::Tracking;
    end(refused ? Ending::Refused : Ending::Broken,
        connection.step == Step::Auth ? "AUTH is refused" : failure.detail, now);
    return false;
  }
  switch (connection.step) {
    case Step::Auth: connection.step = Step::Id; return true;
    case Step::Id: {
      if (value.type != Value::Type::Integer) break;
      connection.id = std::to_string(value.integer);
      if (!quiet_ || !calls_.empty()) return begin_telling(connection, now);
      connection.step = Step::Ready;
      give_up_at_ = TimePoint::max();
      rest_ = kLeastRest;
      connection.stream->keep_alive();
      return true;
    }
    case Step::Ready: break;
    case Step::Tracking:
      callable_ = !calls_.empty();
      connection.step = callable_ ? Step::Publish : Step::Subscribe;
      return true;
    case Step::Publish: connection.step = Step::Calls; return true;
    case Step::Calls: connection.step = Step::Subscribe; return true;
    case Step::Subscribe:
      if (value.type != Value::Type::Array) break;
      if (!says(value, "subscribe")) return take_message(value, now);  // a call
      connection.step = Step::Listening;
      connection.unsent = {};
      connection.written = 0;
      give_up_at_ = TimePoint::max();
      rest_ = kLeastRest;
      told_ = true;
      connection.stream->keep_alive();
      events_.push_back({.node = node_, .id = 0, .what = Listening{.calls = callable_}});
      return !quiet_ || change_over(connection, now);
    case Step::Listening:
    case Step::Hushed: return take_message(value, now);
    case Step::ChangingOver:
      if (says(value, "message")) return take_message(value, now);
      if (--connection.due > 0) return true;
      connection.step = connection.hushed ? Step::Hushed : Step::Listening;
      give_up_at_ = TimePoint::max();
      if (quiet_ != connection.hushed) return change_over(connection, now);
      if (!quiet_) events_.push_back({.node = node_, .id = 0, .what = Listening{.calls = callable_}});
      return true;
  }
  end(Ending::Broken, "an answer to another question", now);
  return false;
}

// "message", the channel, and the keys that have changed.
bool Ear::take_message(const Value& value, TimePoint now) {
  if (value.type != Value::Type::Array || value.elements.size() != 3) {
    end(Ending::Broken, "not a message", now);
    return false;
  }
  if (!calls_.empty() && value.elements[1].text == calls_) {
    const auto ahead = decode_call(value.elements[2].text);
    if (ahead) events_.push_back({.node = node_, .id = 0, .what = Called{.ahead = *ahead}});
    return true;
  }
  if (names(value.elements[2], key_)) {
    events_.push_back({.node = node_, .id = 0, .what = KeyChanged{}});
    return true;
  }
  if (now - noise_since_ > kNoiseTime) {
    noise_since_ = now;
    noise_ = 0;
  }
  if (++noise_ < kMostNoise) return true;
  end(Ending::Refused, "it tells of too many other keys that begin with the name", now);
  return false;
}

void Ear::end(Ending ending, std::string_view why, TimePoint now) {
  if (log::enabled(log::Level::Debug)) {
    log::debug(fmt::format("{}: does not tell of changes: {}{}", endpoint_.display(), why,
                           ending == Ending::Refused ? ": looking again and again instead" : ""));
  }
  phase_ = Resting{};
  refused_ = ending == Ending::Refused;
  give_up_at_ = TimePoint::max();
  timer_ = TimePoint::max();
  if (ending == Ending::Broken) {
    timer_ = now + times(rest_, 0.5 + surroundings_.entropy.unit());
    rest_ = std::min<Duration>(2 * rest_, kGreatestRest);
  }
  if (std::exchange(told_, false)) events_.push_back({.node = node_, .id = 0, .what = Deaf{}});
}

}  // namespace redlock::redis
