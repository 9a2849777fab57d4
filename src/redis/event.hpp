#pragma once

#include "quorum/types.hpp"
#include "redis/wire.hpp"

#include <variant>

namespace redlock::redis {

// What a node that is listened to tells (Nodes::listen). Hints: nothing may depend on them but when to ask.
struct Listening {  // from now on it tells of each change, or only calls where no more is wanted
  bool calls;       // it calls us when our turn comes near
};
struct Called {  // so many go first now
  unsigned ahead;
};
struct KeyChanged {};  // the lock's key was set, extended, deleted, or has expired
struct Deaf {};        // it tells of nothing, or no longer; if it does again, Listening says so

// Something that happened on a connection.
struct Event {
  quorum::NodeIndex node;
  quorum::RequestId id;  // 0 for what answers no request: an Identity, and what is heard
  std::variant<quorum::Identity, quorum::Reply, Value, quorum::Failure, Listening, Called, KeyChanged, Deaf>
      what;  // Value: to a Query
};

}  // namespace redlock::redis
