#pragma once

#include "quorum/types.hpp"
#include "redis/wire.hpp"

#include <variant>

namespace redlock::redis {

// The kinds of notifications that a waiter wants.
enum class SubscriptionMode {
  Queued,  // calls, on the waiter's own channel
  Next     // and each change of the key
};

// The notifications of a subscription (Nodes::subscribe). Hints: nothing may depend on them but when to ask.
struct SubscriptionReady {  // also when its mode has changed
  bool calls;               // the node calls us; otherwise it tells of changes in any mode
};
struct SubscriptionLost {};  // until it is ready again
struct Called {
  unsigned ahead;  // so many go first now
  bool granted;    // one of those before was granted the lock; otherwise it has given up
};
struct KeyChanged {};  // the lock's key was set, extended, deleted, or has expired

// Something that happened on a connection.
struct Event {
  quorum::NodeIndex node;
  quorum::RequestId id;  // 0: it answers no request, as an Identity and notifications do
  std::variant<quorum::Identity, quorum::Reply, Value, quorum::Failure, SubscriptionReady, SubscriptionLost,
               Called, KeyChanged>
      what;  // Value: to a Query
};

}  // namespace redlock::redis
