#pragma once

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "net/surroundings.hpp"
#include "quorum/types.hpp"
#include "redis/endpoint.hpp"
#include "redis/greeting.hpp"
#include "redis/nodes.hpp"
#include "redis/scripts.hpp"
#include "redis/wire.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace redlock::redis {

// One node: its requests in order, and the connection that carries them.
//
//   Idle -> Dialing -> Connection (handshake, greeting, requests) -> Idle
//
// A request that timed out keeps its place, so that its late answer is known for what it is. None waits for a connection
// for longer than node_timeout, however late an answer may come; and a connection that has been in the making for so long
// is begun anew for those who wait for it now. No call blocks;
// what happens is appended to `events`. Destruction closes in an ordinary way: what was written still
// arrives.
class Link {
 public:
  // `scripts`, `events` and the surroundings must outlive the link.
  Link(quorum::NodeIndex node, NodeEndpoint endpoint, const Scripts& scripts, std::vector<Event>& events,
       Duration node_timeout, const net::Surroundings& surroundings);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  const NodeEndpoint& endpoint() const noexcept { return endpoint_; }

  void send(const quorum::Send& request, TimePoint now);
  void ask(const Query& query, TimePoint now);
  void cancel_unsent();
  bool may_hold_key() const noexcept { return may_hold_key_; }
  bool reached() const noexcept { return reached_; }
  bool recovering() const noexcept { return recovering_; }
  bool written() const noexcept;
  std::string_view waits_for() const noexcept;  // see Nodes

  // Ends what is overdue, and does all that can be done now.
  void advance(TimePoint now);

  // When advance() has something to do though no descriptor is ready; TimePoint::max() for never.
  TimePoint next_timer() const noexcept;
  void watch(net::Poller& poller) const;

  // Says that nothing is going to be sent for a while: let the kernel look after the connection, unless it is so young
  // that it may soon be closed again.
  void expect_idle(TimePoint now) noexcept;

 private:
  struct Idle {};
  using Dialing = std::unique_ptr<net::Dial>;

  struct Connection {
    Connection(std::unique_ptr<net::Stream> opened, TimePoint now) : stream{std::move(opened)}, since{now} {}

    std::unique_ptr<net::Stream> stream;
    bool handshaken = false;
    net::Progress::State reads_on =
        net::Progress::State::WantRead;  // what poll(2) must say for the next read,
    net::Progress::State writes_on = net::Progress::State::WantWrite;  // and for the next write
    ReplyReader reader;
    GreetingReader greeting;
    std::optional<quorum::Failure> refused;  // why the greeting failed: no answer on this connection counts
    bool keeps_alive = false;
    TimePoint since;
  };

  // Something to be written, and then to be answered.
  struct Reading {};  // a Query
  struct Pending {
    std::variant<GreetingStep, RequestKind, Reading> what;
    quorum::RequestId id;
    Secret bytes;
    TimePoint asked;
    TimePoint deadline;
    bool settled;    // its outcome has been reported, or none is owed
    Duration ttl{};  // of the key that it may set
    std::size_t written = 0;

    bool is_request() const noexcept { return !std::holds_alternative<GreetingStep>(what); }
    // Whether the request may set the key.
    bool plants() const noexcept {
      const auto* kind = std::get_if<RequestKind>(&what);
      return kind != nullptr && (*kind == RequestKind::Acquire || *kind == RequestKind::Extend);
    }
    bool unsent() const noexcept { return written < bytes.reveal().size(); }
  };

  void enqueue(Pending pending);
  void drop_useless_connection(TimePoint deadline, TimePoint now);

  void start(TimePoint now);
  void go_on_connecting(TimePoint now);
  TimePoint stuck_at() const noexcept;
  void connect_anew_if_stuck(TimePoint now);
  void open(std::unique_ptr<net::Stream> stream, TimePoint now);
  bool go_on_shaking_hands(Connection& connection);
  bool write_out(Connection& connection);
  bool read_in(Connection& connection);
  quorum::Failure end_of(const Connection& connection, quorum::Failure failure) const;
  bool take_answer(Connection& connection, Value value);
  void take_reading(const Connection& connection, Pending& pending, Value value);
  void refuse(Connection& connection, quorum::Failure failure);

  enum class Overdue { Unsent, All };
  void expire(TimePoint now, Overdue which);
  std::string_view phase_of(const Pending& pending) const noexcept;
  bool can_send() const noexcept;
  TimePoint limit(const Pending& pending) const noexcept;
  bool awaited() const noexcept;
  Duration allowance(TimePoint now) const noexcept;
  bool resolving() const noexcept;
  bool stale(TimePoint now) const noexcept;
  void settle(Pending& pending, const quorum::Failure& failure);
  void fail(const quorum::Failure& failure);
  void stop_connecting_if_unwanted();

  quorum::NodeIndex node_;
  NodeEndpoint endpoint_;
  const Scripts& scripts_;
  std::vector<Event>& events_;
  Duration node_timeout_;
  net::Surroundings surroundings_;
  std::variant<Idle, Dialing, Connection> phase_;
  TimePoint connecting_since_{};  // to an address
  std::deque<Pending> pending_;
  bool may_hold_key_ = false;  // see Nodes::may_hold_key
  TimePoint key_until_{};      // by then what was written before has expired
  bool reached_ = false;       // see Nodes::reached
  bool has_answered_ = false;  // at any time
  bool recovering_ = false;    // see Nodes::recovering
};

}  // namespace redlock::redis
