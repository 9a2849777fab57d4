#include "redis/link.hpp"

#include "redis/answers.hpp"
#include "redis/node_error.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <utility>

namespace redlock::redis {
namespace {

using quorum::Failure;

constexpr std::chrono::seconds kClockSlack{1};  // in which a node's clock may have a key end later
constexpr std::chrono::seconds kYoung{1};       // most runs are over before
constexpr std::size_t kMaxParts = 16;

}  // namespace

Link::Link(quorum::NodeIndex node, NodeEndpoint endpoint, const Scripts& scripts, std::vector<Event>& events,
           Duration node_timeout, const net::Surroundings& surroundings)
    : node_{node},
      endpoint_{std::move(endpoint)},
      scripts_{scripts},
      events_{events},
      node_timeout_{node_timeout},
      surroundings_{surroundings},
      queue_{node, endpoint_.password, node_timeout, events} {
}

Link::~Link() {
  if (can_send() && !queue_.empty()) connection_->discard_input();
}

// ---- Requests ------------------------------------------------------------------------------------

void Link::send(const quorum::Send& send, TimePoint now) {
  enqueue(pending_for(send, scripts_.encode(send.request, endpoint_.db), now));
}

void Link::ask(const Query& query, TimePoint now) {
  enqueue(pending_for(query, now));
}

void Link::enqueue(Pending pending) {
  const TimePoint now = pending.asked;
  if (pending.deadline <= now) {
    queue_.settle(pending, node_failure(NodeError::TimedOut, "before it could be sent"));
    return;
  }
  // A release must follow its request on the same connection, whatever the state of that: a late SET could
  // land behind a DEL that went another way.
  if (!pending.is_release()) drop_useless_connection(pending.deadline, now);
  queue_.add(std::move(pending));
  if (!connection_) {
    connect(now);
  } else if (can_send()) {
    write_out();
  }
}

// A connection that was refused, or has been silent for long, is given up for a new one. Releases that it
// still owes go ahead on the new one: their requests may have arrived where they have not.
void Link::drop_useless_connection(TimePoint deadline, TimePoint now) {
  if (queue_.is_stale(now)) advance(now);  // it may have answered while nobody looked
  if (!can_send() || (!setup_.refused && !queue_.is_stale(now))) return;
  const bool hangs = !setup_.refused;  // and is not gone
  const Failure given_up =
      hangs ? node_failure(NodeError::Disconnected, "given up: it has not answered for long")
            : Failure{*setup_.refused};
  queue_.settle_all(given_up);
  std::vector<Pending> owed = queue_.take_releases(now, deadline);
  const Contact contact = contact_;
  fail(given_up);
  if (hangs) contact_ = contact;
  for (Pending& release : owed) queue_.add(std::move(release));
}

void Link::cancel_unsent() {
  queue_.cancel_unsent();
  stop_connecting_if_unwanted();
}

bool Link::written() const noexcept {
  return !(connection_ && connection_->holds_back()) &&
         !queue_.any([](const Pending& pending) { return !pending.is_setup() && pending.unsent(); });
}

// ---- Time ----------------------------------------------------------------------------------------

TimePoint Link::next_timer() const noexcept {
  const TimePoint next = std::min(queue_.next_deadline(can_send()), stuck_at());
  return connection_ ? std::min(next, connection_->next_timer()) : next;
}

void Link::expire(TimePoint now, bool all) {
  const auto phase = [this](const Pending& pending) { return phase_of(pending); };
  if (queue_.expire(now, can_send(), all, phase)) stop_connecting_if_unwanted();
  // Of such a request the node must not get the rest: the release that should follow it may be overdue by then.
  const bool half_written = queue_.any([](const Pending& pending) {
    return pending.settled && pending.sets_key() && pending.written > 0 && pending.unsent();
  });
  if (half_written)
    fail(node_failure(NodeError::Disconnected, "given up: it takes no whole request in time"));
}

std::string_view Link::phase_of(const Pending& pending) const noexcept {
  if (connection_ && !can_send()) return connection_->doing();
  return pending.unsent() ? "sending the request" : "waiting for its answer";
}

std::string_view Link::waits_for() const noexcept {
  const Pending* const oldest = queue_.oldest_awaited();
  return oldest == nullptr ? "waiting for its answer" : phase_of(*oldest);
}

// A lookup goes on, for the next request: a new thread for each would pile up behind a dead name server.
void Link::stop_connecting_if_unwanted() {
  if (!connection_ || can_send() || queue_.awaited()) return;
  if (connection_->phase() == Connection::Phase::Resolving) return;
  queue_.clear();
  connection_.reset();
}

// ---- Connecting ----------------------------------------------------------------------------------

void Link::connect(TimePoint now) {
  setup_ = {};
  connection_.emplace(endpoint_, surroundings_.network, now);
  if (go_on_connecting(now)) write_out();
}

// Returns whether requests may flow.
bool Link::go_on_connecting(TimePoint now) {
  if (!connection_ || can_send()) return can_send();
  if (const auto failure = connection_->advance(now, queue_.longest_wait(now, false))) {
    fail(*failure);
    return false;
  }
  if (!queue_.awaited() && connection_->phase() != Connection::Phase::Resolving) {
    queue_.clear();
    connection_.reset();
  }
  if (!can_send()) return false;
  queue_.add_setup(session_setup(endpoint_));
  return true;
}

// When a connection that is in the making has taken too long; TimePoint::max() where there is none.
TimePoint Link::stuck_at() const noexcept {
  if (!connection_ || can_send() || connection_->phase() == Connection::Phase::Resolving)
    return TimePoint::max();
  return connection_->since() + node_timeout_;
}

// A packet that the network, or a proxy, has swallowed is never answered.
void Link::connect_anew_if_stuck(TimePoint now) {
  if (now < stuck_at()) return;
  connection_.reset();
  if (!queue_.empty()) connect(now);
}

// ---- Bytes ---------------------------------------------------------------------------------------

// An overdue request must not be sent any more; but an answer that has come counts, even if this process was too
// slow to read it in time.
void Link::advance(TimePoint now) {
  expire(now, false);
  if (go_on_connecting(now) && write_out()) read_in();
  expire(now, true);
  connect_anew_if_stuck(now);
}

// Hands over all that is unsent, in as few writes as possible. False when the connection has ended.
bool Link::write_out() {
  for (;;) {
    std::array<iovec, kMaxParts> parts;
    const std::size_t count = queue_.unsent_parts(parts);
    if (count == 0 && !connection_->holds_back()) return true;
    const auto taken = connection_->write({parts.data(), count});
    if (const auto* failure = std::get_if<Failure>(&taken)) {
      // The server may have said why before it went ("max number of clients reached").
      if (read_in()) fail(*failure);
      return false;
    }
    if (std::get<std::size_t>(taken) == 0) return true;
    queue_.mark_written(std::get<std::size_t>(taken), [&](const Pending& request) {
      key_.may_be_set = key_.was_ever_sent = true;
      key_.token = request.token;
      key_.until = std::max(key_.until, surroundings_.clock.boot_now() + request.ttl);
    });
  }
}

// Takes in all that is there. False when the connection has ended.
bool Link::read_in() {
  const auto limit = [this] {
    const bool reading = !queue_.empty() && std::holds_alternative<Pending::Reading>(queue_.front().what);
    return reading ? kMaxReplyBytes : kMaxVoteBytes;
  };
  const bool auth_alone = queue_.sends_auth_alone();
  const auto take = [this](Value value) { return take_answer(std::move(value)); };
  const auto failure = connection_->read(limit, take);
  if (failure && queue_.sends_auth_alone() != auth_alone) {
    queue_.begin_anew();
    connect(surroundings_.clock.boot_now());
  } else if (failure) {
    fail(*failure);
  }
  return !failure;
}

// Matches an answer to the oldest question. Returns why the connection must end.
std::optional<Failure> Link::take_answer(Value value) {
  if (queue_.empty() || queue_.front().unsent()) {
    // A server that turns us away says so before it is asked.
    if (value.type == Value::Type::Error) return classify(value.text);
    return node_failure(NodeError::Garbled, "an answer that nobody asked for");
  }
  if (queue_.wants_auth_alone(value)) return classify(value.text);
  Pending pending = queue_.take_front();
  contact_ = Contact::Heard;
  if (const auto* step = std::get_if<SetupStep>(&pending.what)) return take_setup(*step, value);
  if (!std::holds_alternative<Pending::Reading>(pending.what))
    return take_reply(std::move(pending), std::move(value));
  take_reading(std::move(pending), std::move(value));
  return std::nullopt;
}

// When the setup fails, the requests behind it fail for the same reason, not for its consequences. The connection
// stays for the releases: a server without a password takes the lock in spite of a refused AUTH.
std::optional<Failure> Link::take_setup(SetupStep step, const Value& value) {
  auto failure = setup_.reader.take(step, value);
  if (failure && failure->kind == NodeError::Garbled) return failure;
  if (failure && !setup_.refused) {
    setup_.refused = std::move(failure);
    queue_.settle_all(*setup_.refused);
    queue_.drop_unsent();
  }
  if (step == SetupStep::Role && !setup_.refused)
    events_.push_back({.node = node_, .id = 0, .what = setup_.reader.identity()});
  return std::nullopt;
}

std::optional<Failure> Link::take_reply(Pending pending, Value value) {
  auto outcome = decode(std::get<RequestKind>(pending.what), std::move(value));
  const auto* const failure = std::get_if<Failure>(&outcome);
  const bool garbled = failure != nullptr && failure->kind == NodeError::Garbled;
  if (setup_.refused && !garbled) {
    queue_.settle(pending, *setup_.refused);
  } else if (failure != nullptr) {
    queue_.settle(pending, *failure);
  } else {
    queue_.settle(pending, std::get<quorum::Reply>(outcome));
  }
  // A release that is repeated on a new connection may be of an earlier token than that which the old one has set.
  if (pending.is_release() && failure == nullptr && pending.token == key_.token) {
    // A request that was written behind the release may set the key anew.
    key_.may_be_set = queue_.any([](const Pending& later) { return later.sets_key() && later.written > 0; });
  }
  return garbled ? std::optional{*failure} : std::nullopt;
}

void Link::take_reading(Pending pending, Value value) {
  if (setup_.refused) {
    queue_.settle(pending, *setup_.refused);
  } else if (value.type == Value::Type::Error) {
    queue_.settle(pending, classify(value.text));
  } else {
    queue_.settle(pending, std::move(value));
  }
}

// Ends the connection, or the attempt at one, and all that waits for it. An old request that has not arrived
// must not be sent again by the kernel behind the back of a new connection.
void Link::fail(const Failure& failure) {
  queue_.settle_all(failure);
  queue_.clear();
  // A request that the server had not read has ended with it.
  if (failure.kind == NodeError::Refused && surroundings_.clock.boot_now() > key_.until + kClockSlack)
    key_.may_be_set = false;
  if (contact_ == Contact::Heard) contact_ = Contact::Lost;
  if (connection_) connection_->abandon();
  connection_.reset();
}

// ---- Waiting -------------------------------------------------------------------------------------

void Link::watch(net::Poller& poller) const {
  if (connection_) connection_->watch(poller, queue_.has_unsent());
}

void Link::expect_idle(TimePoint now) noexcept {
  if (can_send() && now - connection_->since() >= kYoung) connection_->keep_alive();
}

}  // namespace redlock::redis
