#include "redis/link.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "redis/answers.hpp"
#include "redis/classify.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

namespace redlock::redis {
namespace {

using quorum::Failure;
using State = net::Progress::State;

// A connection that has owed an answer for so long is given up when there is something new to say.
constexpr int kStaleAllowances = 3;
constexpr std::chrono::seconds kLeastStale{2};

constexpr std::chrono::seconds kClockSlack{1};  // in which a node's clock may have a key end later

constexpr std::chrono::seconds kYoung{1};  // most runs are over before

constexpr std::size_t kReadSize = std::size_t{1} << 14U;
constexpr std::size_t kMaxParts = 16;

// What a request makes a node keep, and for how long.
Duration ttl_of(const quorum::Request& request) {
  if (const auto* acquire = std::get_if<quorum::AcquireRequest>(&request)) return acquire->ttl;
  if (const auto* extend = std::get_if<quorum::ExtendRequest>(&request)) return extend->ttl;
  return {};
}

short poll_events(State wanted) {
  return wanted == State::WantWrite ? POLLOUT : POLLIN;
}

}  // namespace

Link::Link(quorum::NodeIndex node, NodeEndpoint endpoint, const Scripts& scripts, std::vector<Event>& events,
           Duration node_timeout, const net::Surroundings& surroundings)
    : node_{node},
      endpoint_{std::move(endpoint)},
      scripts_{scripts},
      events_{events},
      node_timeout_{node_timeout},
      surroundings_{surroundings} {
}

// The kernel answers a close with unread bytes, or bytes that come after it, with a reset, and drops what it
// has not sent by then. Late answers that are here already need not cause that.
Link::~Link() {
  auto* connection = std::get_if<Connection>(&phase_);
  if (connection == nullptr || !connection->handshaken || pending_.empty()) return;
  std::array<char, kReadSize> unwanted;
  for (int reads = 0; reads < 8; ++reads) {
    if (connection->stream->read(unwanted).state != State::Done) return;
  }
}

// ---- Requests ------------------------------------------------------------------------------------

void Link::send(const quorum::Send& send, TimePoint now) {
  enqueue({.what = kind_of(send.request),
           .id = send.id,
           .bytes = scripts_.encode(send.request, endpoint_.db),
           .asked = now,
           .deadline = send.deadline,
           .settled = false,
           .ttl = ttl_of(send.request)});
}

void Link::ask(const Query& query, TimePoint now) {
  const std::vector<std::string_view> words{query.words.begin(), query.words.end()};
  enqueue({.what = Reading{},
           .id = query.id,
           .bytes = format_command(words),
           .asked = now,
           .deadline = query.deadline,
           .settled = false});
}

void Link::enqueue(Pending pending) {
  const TimePoint now = pending.asked;
  if (pending.deadline <= now) {
    settle(pending, {.kind = Failure::Kind::TimedOut, .detail = "before it could be sent"});
    return;
  }
  // A release must follow its request on the same connection, whatever the state of that: a late SET could
  // land behind a DEL that went another way.
  const auto* kind = std::get_if<RequestKind>(&pending.what);
  if (kind == nullptr || *kind != RequestKind::Release) drop_useless_connection(pending.deadline, now);
  pending_.push_back(std::move(pending));
  if (std::holds_alternative<Idle>(phase_)) {
    start(now);
  } else if (auto* connection = std::get_if<Connection>(&phase_);
             connection != nullptr && connection->handshaken) {
    write_out(*connection);
  }
}

// A connection that was refused, or has been silent for long, is given up for a new one. Releases that it
// still owes go ahead on the new one: their requests may have arrived where they have not.
void Link::drop_useless_connection(TimePoint deadline, TimePoint now) {
  if (stale(now)) advance(now);  // it may have answered while nobody looked
  const auto* connection = std::get_if<Connection>(&phase_);
  if (connection == nullptr) return;
  if (connection->refused) return fail(Failure{*connection->refused});
  if (!stale(now)) return;
  std::deque<Pending> owed = std::move(pending_);
  pending_.clear();
  const Failure given_up{.kind = Failure::Kind::Disconnected,
                         .detail = "given up: it has not answered for long"};
  for (Pending& pending : owed) settle(pending, given_up);
  const bool recovering = recovering_;
  fail(given_up);
  recovering_ = recovering;  // it hangs
  std::erase_if(owed, [](const Pending& pending) {
    const auto* kind = std::get_if<RequestKind>(&pending.what);
    return kind == nullptr || *kind != RequestKind::Release;
  });
  for (Pending& release : owed) {
    release.written = 0;
    release.asked = now;
    release.deadline = deadline;
  }
  pending_ = std::move(owed);
}

void Link::cancel_unsent() {
  for (std::size_t i = 0; i < pending_.size();) {
    Pending& pending = pending_[i];
    const auto* kind = std::get_if<RequestKind>(&pending.what);
    const bool release = kind != nullptr && *kind == RequestKind::Release;
    if (!pending.is_request() || release || pending.written > 0 || pending.settled) {
      ++i;
      continue;
    }
    settle(pending, {.kind = Failure::Kind::Cancelled, .detail = {}});
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  stop_connecting_if_unwanted();
}

bool Link::written() const noexcept {
  const auto* connection = std::get_if<Connection>(&phase_);
  if (connection != nullptr && connection->stream->holds_back()) return false;
  return std::none_of(pending_.begin(), pending_.end(),
                      [](const Pending& pending) { return pending.is_request() && pending.unsent(); });
}

// ---- Time ----------------------------------------------------------------------------------------

TimePoint Link::next_timer() const noexcept {
  TimePoint next = TimePoint::max();
  for (const Pending& pending : pending_) {
    if (!pending.settled) next = std::min(next, limit(pending));
  }
  next = std::min(next, stuck_at());
  if (const auto* dial = std::get_if<Dialing>(&phase_)) next = std::min(next, (*dial)->next_timer());
  return next;
}

void Link::expire(TimePoint now, Overdue which) {
  bool expired = false;
  for (std::size_t i = 0; i < pending_.size();) {
    Pending& pending = pending_[i];
    if (pending.settled || limit(pending) > now || (which == Overdue::Unsent && pending.written > 0)) {
      ++i;
      continue;
    }
    expired = true;
    settle(pending, {.kind = Failure::Kind::TimedOut, .detail = std::string{phase_of(pending)}});
    if (pending.written > 0) {
      ++i;
    } else {
      pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  if (expired) stop_connecting_if_unwanted();
}

std::string_view Link::phase_of(const Pending& pending) const noexcept {
  if (resolving()) return "resolving its name";
  if (std::holds_alternative<Dialing>(phase_)) return "connecting";
  const auto* connection = std::get_if<Connection>(&phase_);
  if (connection != nullptr && !connection->handshaken) {
    // To a Redis without TLS the first message of TLS is the beginning of a command.
    return connection->stream->heard()
               ? "in the TLS handshake"
               : "in the TLS handshake, without a word: if it does not speak TLS, use redis://";
  }
  return pending.unsent() ? "sending the request" : "waiting for its answer";
}

std::string_view Link::waits_for() const noexcept {
  const auto oldest =
      std::find_if(pending_.begin(), pending_.end(), [](const Pending& pending) { return !pending.settled; });
  return oldest == pending_.end() ? "waiting for its answer" : phase_of(*oldest);
}

bool Link::can_send() const noexcept {
  const auto* connection = std::get_if<Connection>(&phase_);
  return connection != nullptr && connection->handshaken;
}

// Until when the request is waited for.
TimePoint Link::limit(const Pending& pending) const noexcept {
  return can_send() ? pending.deadline : std::min(pending.deadline, pending.asked + node_timeout_);
}

bool Link::awaited() const noexcept {
  return std::any_of(pending_.begin(), pending_.end(),
                     [](const Pending& pending) { return !pending.settled; });
}

// How long somebody still waits for an answer.
Duration Link::allowance(TimePoint now) const noexcept {
  Duration longest = Duration::zero();
  for (const Pending& pending : pending_) {
    if (!pending.settled) longest = std::max(longest, limit(pending) - now);
  }
  return longest;
}

bool Link::resolving() const noexcept {
  const auto* dial = std::get_if<Dialing>(&phase_);
  return dial != nullptr && (*dial)->phase() == net::Dial::Phase::Resolving;
}

// A lookup goes on, for the next request: a new thread for each would pile up behind a dead name server.
void Link::stop_connecting_if_unwanted() {
  if (can_send() || resolving() || awaited()) return;
  pending_.clear();
  phase_ = Idle{};
}

bool Link::stale(TimePoint now) const noexcept {
  if (pending_.empty() || pending_.front().written == 0) return false;
  const Pending& oldest = pending_.front();
  const Duration allowance = std::min(oldest.deadline - oldest.asked, node_timeout_);
  const Duration silent = now - oldest.asked;
  return silent > kLeastStale && silent / kStaleAllowances > allowance;
}

// ---- Connecting ----------------------------------------------------------------------------------

void Link::start(TimePoint now) {
  phase_ = surroundings_.network.dial(endpoint_);
  connecting_since_ = now;
  go_on_connecting(now);
}

void Link::go_on_connecting(TimePoint now) {
  auto* dial = std::get_if<Dialing>(&phase_);
  if (dial == nullptr) return;
  const bool resolved_now = resolving();
  auto result = (*dial)->step(now, allowance(now));
  if (resolving() && std::holds_alternative<net::Dial::Dialing>(result)) return;
  if (resolved_now) connecting_since_ = now;
  if (auto* failure = std::get_if<net::ConnectionFailure>(&result))
    return fail(failure_of(std::move(*failure)));
  stop_connecting_if_unwanted();
  if (!std::holds_alternative<Dialing>(phase_)) return;
  if (auto* stream = std::get_if<std::unique_ptr<net::Stream>>(&result)) open(std::move(*stream), now);
}

// When a connection that is in the making has taken too long; TimePoint::max() where there is none.
TimePoint Link::stuck_at() const noexcept {
  const bool connecting = (std::holds_alternative<Dialing>(phase_) && !resolving()) ||
                          (std::holds_alternative<Connection>(phase_) && !can_send());
  return connecting ? connecting_since_ + node_timeout_ : TimePoint::max();
}

// What the network, or a proxy, has swallowed once, nobody answers any more.
void Link::connect_anew_if_stuck(TimePoint now) {
  if (now < stuck_at()) return;
  std::erase_if(pending_, [](const Pending& pending) { return !pending.is_request(); });
  phase_ = Idle{};
  if (!pending_.empty()) start(now);
}

void Link::open(std::unique_ptr<net::Stream> stream, TimePoint now) {
  auto& connection = phase_.emplace<Connection>(std::move(stream), now);
  const Pending& first = pending_.front();  // nothing is opened without a request
  const TimePoint asked = first.asked;
  const TimePoint deadline = first.deadline;
  auto greeting = greeting_for(endpoint_);
  for (auto command = greeting.rbegin(); command != greeting.rend(); ++command) {
    pending_.push_front({.what = command->step,
                         .id = 0,
                         .bytes = std::move(command->bytes),
                         .asked = asked,
                         .deadline = deadline,
                         .settled = true});
  }
  if (go_on_shaking_hands(connection)) write_out(connection);
}

// Returns whether requests may flow.
bool Link::go_on_shaking_hands(Connection& connection) {
  if (connection.handshaken) return true;
  const net::Progress progress = connection.stream->handshake();
  switch (progress.state) {
    case State::Done: connection.handshaken = true; return true;
    case State::WantRead:
    case State::WantWrite: connection.reads_on = progress.state; return false;
    case State::Ended:
      fail({.kind = Failure::Kind::TlsFailed, .detail = "the server closed the connection"});
      return false;
    case State::Failed: fail(failure_of(progress.failure)); return false;
  }
  return false;
}

// ---- Bytes ---------------------------------------------------------------------------------------

// What is overdue must not be sent any more; but an answer that has come counts, even if this process was too
// slow to look at it in time.
void Link::advance(TimePoint now) {
  expire(now, Overdue::Unsent);
  go_on_connecting(now);
  auto* connection = std::get_if<Connection>(&phase_);
  if (connection != nullptr && go_on_shaking_hands(*connection) && write_out(*connection))
    read_in(*connection);
  expire(now, Overdue::All);
  connect_anew_if_stuck(now);
}

// Hands over all that is unsent, in as few writes as possible. False when the connection has ended.
bool Link::write_out(Connection& connection) {
  for (;;) {
    std::array<iovec, kMaxParts> parts;
    std::size_t count = 0;
    for (const Pending& pending : pending_) {
      if (!pending.unsent()) continue;
      const std::string_view rest = pending.bytes.reveal().substr(pending.written);
      parts[count++] = {.iov_base = const_cast<char*>(rest.data()), .iov_len = rest.size()};
      if (count == parts.size()) break;
    }
    if (count == 0 && !connection.stream->holds_back()) return true;

    net::Progress progress = connection.stream->write({parts.data(), count});
    switch (progress.state) {
      case State::Done: break;
      case State::WantRead:
      case State::WantWrite: connection.writes_on = progress.state; return true;
      case State::Ended:
      case State::Failed:
        // The server may have said why before it went ("max number of clients reached").
        if (!read_in(connection)) return false;
        if (progress.state == State::Ended)
          progress.failure = {net::ConnectionFailure::Kind::Disconnected, "the server closed it"};
        fail(end_of(connection, failure_of(std::move(progress.failure))));
        return false;
    }
    for (Pending& pending : pending_) {
      if (progress.bytes == 0) break;
      if (!pending.unsent()) continue;
      const std::size_t taken = std::min(progress.bytes, pending.bytes.reveal().size() - pending.written);
      pending.written += taken;
      progress.bytes -= taken;
      if (!pending.plants()) continue;
      may_hold_key_ = reached_ = true;
      key_until_ = std::max(key_until_, surroundings_.clock.boot_now() + pending.ttl);
    }
  }
}

// A Redis that speaks TLS hangs up on who does not.
Failure Link::end_of(const Connection& connection, Failure failure) const {
  if (endpoint_.transport == net::Endpoint::Transport::Tcp && !connection.stream->heard()) {
    failure.detail += ", without a word: if it speaks TLS, use rediss://";
  }
  return failure;
}

// Takes in all that is there. False when the connection has ended.
bool Link::read_in(Connection& connection) {
  std::array<char, kReadSize> bytes;
  for (;;) {
    const net::Progress progress = connection.stream->read(bytes);
    switch (progress.state) {
      case State::Done: break;
      case State::WantRead:
      case State::WantWrite: connection.reads_on = progress.state; return true;
      case State::Ended:
        fail(end_of(connection, {.kind = Failure::Kind::Disconnected, .detail = "the server closed it"}));
        return false;
      case State::Failed: fail(end_of(connection, failure_of(progress.failure))); return false;
    }
    connection.reader.feed({bytes.data(), progress.bytes});
    for (bool more = true; more;) {
      const bool reading = !pending_.empty() && std::holds_alternative<Reading>(pending_.front().what);
      connection.reader.limit(reading ? kMaxReplyBytes : kMaxVoteBytes);
      auto next = connection.reader.next();
      if (auto* value = std::get_if<Value>(&next)) {
        if (!take_answer(connection, std::move(*value))) return false;
      } else if (auto* malformed = std::get_if<ReplyReader::Malformed>(&next)) {
        fail({.kind = Failure::Kind::Garbled, .detail = std::move(malformed->why)});
        return false;
      } else {
        more = false;
      }
    }
    if (progress.bytes < bytes.size() && !connection.stream->buffered()) return true;
  }
}

// Matches an answer to the oldest question. False when the connection has ended.
bool Link::take_answer(Connection& connection, Value value) {
  if (pending_.empty() || pending_.front().unsent()) {
    // A server that turns us away says so before it is asked.
    const bool error = value.type == Value::Type::Error;
    fail(error ? classify(value.text)
               : Failure{.kind = Failure::Kind::Garbled, .detail = "an answer that nobody asked for"});
    return false;
  }
  Pending pending = std::move(pending_.front());
  pending_.pop_front();
  has_answered_ = true;
  recovering_ = false;

  if (const auto* step = std::get_if<GreetingStep>(&pending.what)) {
    auto failure = connection.greeting.take(*step, value);
    if (failure && failure->kind == Failure::Kind::Garbled) {
      fail(*failure);
      return false;
    }
    if (failure && !connection.refused) refuse(connection, std::move(*failure));
    if (*step == GreetingStep::Role && !connection.refused) {
      events_.push_back({.node = node_, .id = 0, .what = connection.greeting.identity()});
    }
    return true;
  }

  if (std::holds_alternative<Reading>(pending.what)) {
    take_reading(connection, pending, std::move(value));
    return true;
  }
  const auto kind = std::get<RequestKind>(pending.what);
  auto outcome = decode(kind, std::move(value));
  auto* failure = std::get_if<Failure>(&outcome);
  const bool garbled = failure != nullptr && failure->kind == Failure::Kind::Garbled;
  if (connection.refused && !garbled) {
    settle(pending, *connection.refused);
  } else if (failure != nullptr) {
    settle(pending, *failure);
  } else if (!pending.settled) {
    events_.push_back({.node = node_, .id = pending.id, .what = std::get<quorum::Reply>(std::move(outcome))});
  }
  if (kind == RequestKind::Release && failure == nullptr) {
    // What was written behind the release may set the key anew.
    may_hold_key_ = std::any_of(pending_.begin(), pending_.end(),
                                [](const Pending& later) { return later.plants() && later.written > 0; });
  }
  if (garbled) fail(*failure);
  return !garbled;
}

void Link::take_reading(const Connection& connection, Pending& pending, Value value) {
  if (connection.refused) {
    settle(pending, *connection.refused);
  } else if (value.type == Value::Type::Error) {
    settle(pending, classify(value.text));
  } else if (!pending.settled) {
    events_.push_back({.node = node_, .id = pending.id, .what = std::move(value)});
  }
}

// The greeting failed. What was asked behind it fails for that reason, not for what follows from it. The
// connection stays for the releases: a server without a password takes the lock in spite of a refused AUTH.
void Link::refuse(Connection& connection, Failure failure) {
  connection.refused = std::move(failure);
  for (Pending& pending : pending_) {
    if (!pending.settled) settle(pending, *connection.refused);
  }
  std::erase_if(pending_,
                [](const Pending& pending) { return pending.is_request() && pending.written == 0; });
}

// ---- Outcomes ------------------------------------------------------------------------------------

void Link::settle(Pending& pending, const Failure& failure) {
  if (pending.settled) return;
  pending.settled = true;
  Failure told = failure;
  const std::string_view password = endpoint_.password.reveal();
  if (!password.empty() && (told.detail.find(password) != std::string::npos ||
                            told.detail.find(printable(password)) != std::string::npos)) {
    told.detail.clear();  // the server quotes it
  }
  events_.push_back({.node = node_, .id = pending.id, .what = std::move(told)});
}

// Ends the connection, or the attempt at one, and all that waits for it. An old request that has not arrived
// must not be sent again by the kernel behind the back of a new connection.
void Link::fail(const Failure& failure) {
  for (Pending& pending : pending_) settle(pending, failure);
  pending_.clear();
  // What its server had not read has ended with the server.
  if (failure.kind == Failure::Kind::Refused && surroundings_.clock.boot_now() > key_until_ + kClockSlack)
    may_hold_key_ = false;
  recovering_ = has_answered_;
  if (auto* connection = std::get_if<Connection>(&phase_)) connection->stream->abandon();
  phase_ = Idle{};
}

// ---- Waiting -------------------------------------------------------------------------------------

void Link::watch(net::Poller& poller) const {
  if (const auto* dial = std::get_if<Dialing>(&phase_)) (*dial)->watch(poller);
  if (const auto* connection = std::get_if<Connection>(&phase_)) {
    const bool unsent =
        std::any_of(pending_.begin(), pending_.end(), [](const auto& each) { return each.unsent(); });
    int events = poll_events(connection->reads_on);
    if (connection->handshaken && (unsent || connection->stream->holds_back())) {
      events |= poll_events(connection->writes_on);
    }
    poller.add(connection->stream->fd(), static_cast<short>(events));
  }
}

void Link::expect_idle(TimePoint now) noexcept {
  auto* connection = std::get_if<Connection>(&phase_);
  if (connection == nullptr || connection->keeps_alive || now - connection->since < kYoung) return;
  connection->keeps_alive = true;
  connection->stream->keep_alive();
}

}  // namespace redlock::redis
