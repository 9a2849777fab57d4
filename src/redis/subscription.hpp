#pragma once

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "net/surroundings.hpp"
#include "quorum/types.hpp"
#include "redis/connection.hpp"
#include "redis/endpoint.hpp"
#include "redis/event.hpp"
#include "redis/wire.hpp"

#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::redis {

// The channel on which a node tells in RESP2 of keys that have changed.
inline constexpr std::string_view kInvalidations = "__redis__:invalidate";

struct SubscriptionTarget {
  quorum::NodeIndex node;
  const NodeEndpoint& endpoint;
  const std::vector<std::string>& keys;  // of all names
  std::string channel;                   // of the waiter; empty: none, and Queued is as Next
  Duration timeout;                      // for the connection to be ready
};

// A connection of its own on which a node tells a waiter when to act. All it tells is a hint. In one of two modes:
//
//   Queued: SUBSCRIBE to the waiter's own channel, on which it is called when its turn comes near (redis/queue.hpp).
//   Next: that, and all changes of the lock's key: it was set, extended, deleted, or has expired (CLIENT TRACKING in
//     broadcasting mode, in RESP2, so that Redis 6 has it; "Client-side caching" of the Redis documentation).
//
// It comes back by itself when the connection breaks; but not to a node that forbids it, and only after a minute or so to one
// that tells of other keys all the time. A change of mode takes a new connection. No call blocks; SubscriptionReady, KeyChanged, Called and
// SubscriptionLost are appended to `events`.
class Subscription {
 public:
  // Starts with the first advance(). All references must outlive the subscription.
  Subscription(SubscriptionTarget target, const net::Surroundings& surroundings, std::vector<Event>& events);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription() = default;

  // Queued stays Next where the node does not call.
  void set_mode(SubscriptionMode mode);

  // Does all that can be done now.
  void advance(TimePoint now);

  // When advance() has something to do though no descriptor is ready; TimePoint::max() for never.
  TimePoint next_timer() const noexcept;
  void watch(net::Poller& poller) const;

 private:
  // The command that the next answer belongs to.
  enum class Step { Auth, Id, Tracking, Publish, Channel, Invalidations };
  struct Conversation {
    Conversation(const NodeEndpoint& endpoint, net::Network& network, TimePoint now)
        : connection{endpoint, network, now} {}

    Connection connection;
    std::deque<Step> steps{};  // to come
    Secret unsent{};
    std::size_t written = 0;
  };
  struct Noise {  // messages about other keys
    TimePoint since{};
    unsigned count = 0;
  };

  SubscriptionMode effective_mode() const noexcept;
  void open(TimePoint now);
  std::optional<quorum::Failure> go_on(TimePoint now);
  std::optional<quorum::Failure> write_out();
  std::optional<quorum::Failure> take(const Value& value, TimePoint now);
  std::optional<quorum::Failure> take_error(const Value& value);
  std::optional<quorum::Failure> take_message(const Value& value, TimePoint now);
  void begin();
  void begin_tracking(const std::string& id);
  using Words = std::vector<std::string_view>;
  void say(Step step, const Words& words);
  void end(const quorum::Failure& failure, TimePoint now);

  SubscriptionTarget target_;
  net::Surroundings surroundings_;
  std::vector<Event>& events_;
  SubscriptionMode mode_ = SubscriptionMode::Next;
  std::optional<Conversation> conversation_;  // none: resting until timer_
  TimePoint timer_{};                         // for the next try, or until when it must be ready
  bool refused_ = false;                      // the node is left alone
  bool may_be_called_ = true;                 // as far as the node has not forbidden it
  bool told_ = false;                         // that it listens, and not that it no longer does
  Duration rest_;                             // before the next try
  Noise noise_;
};

}  // namespace redlock::redis
