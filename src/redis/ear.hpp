#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "net/surroundings.hpp"
#include "quorum/types.hpp"
#include "redis/endpoint.hpp"
#include "redis/nodes.hpp"
#include "redis/wire.hpp"

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace redlock::redis {

// A connection of its own on which a node tells that the lock's key has changed: it was set, extended, deleted, or has
// expired, by whoever it was (CLIENT TRACKING in broadcasting mode, in RESP2, so that Redis 6 has it; "Client-side
// caching" of the Redis documentation). All it tells is a hint.
//
//   Resting -> Dialing -> Connection (handshake, commands, messages) -> Resting
//
// It comes back by itself when the connection breaks; but not to a node that forbids it, or that tells of other keys
// all the time. No call blocks; Listening, KeyChanged, Called and Deaf are appended to `events`.
class Ear {
 public:
  // Starts with the first advance(). `calls`: the channel on which a waiter is called (redis/line.hpp); empty: it is not,
  // and is told of changes all the time. All references must outlive the ear. `timeout`: for the connection to be ready.
  Ear(quorum::NodeIndex node, const NodeEndpoint& endpoint, const std::string& key, std::string calls,
      Duration timeout, const net::Surroundings& surroundings, std::vector<Event>& events);
  Ear(const Ear&) = delete;
  Ear& operator=(const Ear&) = delete;
  ~Ear() = default;

  // Whether one with a channel for calls could do better than this one, which has none.
  bool lacks_calls() const noexcept { return calls_.empty() && !refused_; }

  // Does all that can be done now.
  void advance(TimePoint now);

  // Whether the node is only to call, and to tell of no changes. When it tells of them again, Listening says so. A hint:
  // where there are no calls, it only puts off the beginning of it, and the connection stands ready.
  void hush(bool quiet, TimePoint now);

  // When advance() has something to do though no descriptor is ready; TimePoint::max() for never.
  TimePoint next_timer() const noexcept;
  void watch(net::Poller& poller) const;

 private:
  struct Resting {};
  using Dialing = std::unique_ptr<net::Dial>;
  // What the next answer answers.
  enum class Step { Auth, Id, Ready, Tracking, Publish, Calls, Subscribe, Listening, ChangingOver, Hushed };
  struct Connection {
    explicit Connection(std::unique_ptr<net::Stream> opened) : stream{std::move(opened)} {}

    std::unique_ptr<net::Stream> stream;
    bool handshaken = false;
    net::Progress::State waits_for = net::Progress::State::WantRead;
    Step step = Step::Id;
    std::string id;       // the server's, of this connection
    bool hushed = false;  // or on the way to it
    unsigned due = 0;     // ChangingOver: answers
    Secret unsent;
    std::size_t written = 0;
    ReplyReader reader;
  };
  enum class Ending { Broken, Refused };

  void start(TimePoint now);
  bool go_on_connecting(TimePoint now);
  bool go_on_shaking_hands(Connection& connection, TimePoint now);
  bool write_out(Connection& connection, TimePoint now);
  void read_in(Connection& connection, TimePoint now);
  bool take(Connection& connection, const Value& value, TimePoint now);
  bool take_message(const Value& value, TimePoint now);
  bool begin_telling(Connection& connection, TimePoint now);
  bool change_over(Connection& connection, TimePoint now);
  using Words = std::vector<std::string_view>;
  bool say(Connection& connection, std::initializer_list<Words> all, TimePoint now);
  Words tracking(const Connection& connection) const;
  void end(Ending ending, std::string_view why, TimePoint now);

  quorum::NodeIndex node_;
  const NodeEndpoint& endpoint_;
  const std::string& key_;
  std::string calls_;  // the channel; empty: none
  Duration timeout_;
  net::Surroundings surroundings_;
  std::vector<Event>& events_;
  std::variant<Resting, Dialing, Connection> phase_;
  TimePoint timer_{};  // Resting: when to try again
  TimePoint give_up_at_ = TimePoint::max();
  bool refused_ = false;     // the node is left alone
  bool callable_ = false;    // there is a channel for calls, and it is permitted
  bool quiet_ = false;       // only calls are wanted
  bool told_ = false;        // that it listens, and not that it no longer does
  Duration rest_;            // before the next try
  TimePoint noise_since_{};  // when the counting of messages about other keys began
  unsigned noise_ = 0;
};

}  // namespace redlock::redis
