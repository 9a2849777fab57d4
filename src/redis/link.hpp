#pragma once

#include "base/clock.hpp"
#include "net/surroundings.hpp"
#include "quorum/types.hpp"
#include "redis/connection.hpp"
#include "redis/endpoint.hpp"
#include "redis/event.hpp"
#include "redis/query.hpp"
#include "redis/request_queue.hpp"
#include "redis/scripts.hpp"
#include "redis/session_setup.hpp"
#include "redis/wire.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace redlock::redis {

// One node: its requests in order, and when a connection that carries them is opened, given up, or begun anew.
//
// None waits for a connection for longer than node_timeout, however late an answer may come; and a connection that has been
// in the making for so long is begun anew for those who wait for it now. No call blocks; what happens is appended to
// `events`. Destruction closes in an ordinary way: what was written still arrives.
class Link {
 public:
  // `scripts`, `events` and the surroundings must outlive the link.
  Link(quorum::NodeIndex node, NodeEndpoint endpoint, const Scripts& scripts, std::vector<Event>& events,
       Duration node_timeout, const net::Surroundings& surroundings);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  const NodeEndpoint& endpoint() const noexcept { return endpoint_; }

  // For these, see Nodes.
  void send(const quorum::Send& request, TimePoint now);
  void ask(const Query& query, TimePoint now);
  void cancel_unsent();
  bool may_hold_key() const noexcept { return key_.may_be_set; }
  bool reached() const noexcept { return key_.was_ever_sent; }
  bool recovering() const noexcept { return contact_ == Contact::Lost; }
  bool written() const noexcept;
  std::string_view waits_for() const noexcept;

  // Ends what is overdue, and does all that can be done now.
  void advance(TimePoint now);

  // When advance() has something to do though no descriptor is ready; TimePoint::max() for never.
  TimePoint next_timer() const noexcept;
  void watch(net::Poller& poller) const;

  // Says that nothing is going to be sent for a while: let the kernel look after the connection, unless it is so young
  // that it may soon be closed again.
  void expect_idle(TimePoint now) noexcept;

 private:
  // The key, as our requests may have left it on the node.
  struct KeyState {
    bool may_be_set = false;
    bool was_ever_sent = false;
    std::string token{};  // that it may be set to
    TimePoint until{};    // by then what was written before has expired
  };
  enum class Contact { None, Heard, Lost };  // Lost: refused or broken after it had once answered

  // The answers to the setup of this connection.
  struct Setup {
    SetupReader reader;
    std::optional<quorum::Failure> refused;  // why it failed: no answer on this connection counts
  };

  void enqueue(Pending pending);
  void drop_useless_connection(TimePoint deadline, TimePoint now);
  void connect(TimePoint now);
  bool go_on_connecting(TimePoint now);
  TimePoint stuck_at() const noexcept;
  void connect_anew_if_stuck(TimePoint now);
  bool can_send() const noexcept { return connection_ && connection_->is_open(); }
  bool write_out();
  bool read_in();
  std::optional<quorum::Failure> take_answer(Value value);
  std::optional<quorum::Failure> take_setup(SetupStep step, const Value& value);
  std::optional<quorum::Failure> take_reply(Pending pending, Value value);
  void take_reading(Pending pending, Value value);
  void expire(TimePoint now, bool all);
  std::string_view phase_of(const Pending& pending) const noexcept;
  void fail(const quorum::Failure& failure);
  void stop_connecting_if_unwanted();

  quorum::NodeIndex node_;
  NodeEndpoint endpoint_;
  const Scripts& scripts_;
  std::vector<Event>& events_;
  Duration node_timeout_;
  net::Surroundings surroundings_;
  RequestQueue queue_;
  std::optional<Connection> connection_;
  Setup setup_;
  KeyState key_;
  Contact contact_ = Contact::None;
};

}  // namespace redlock::redis
