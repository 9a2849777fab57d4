#pragma once

#include <string>

namespace redlock::redis {

// The keys of one lock on a node (DESIGN section 3, "Keys"). The first is the one that all Redlock libraries
// share.
struct LockKeys {
  explicit LockKeys(const std::string& key)
      : lock{key}, info{kInfoPrefix + key}, fence{"redlock.fence:" + key}, queue{"redlock.queue:" + key} {}

  // The beginning of the info's key: by it the locks of redlock are found among all keys.
  static constexpr const char* kInfoPrefix = "redlock.info:";

  std::string lock;   // string: the token; ends with the lease
  std::string info;   // hash: who holds it, for people, and the attempt that planted the token here
  std::string fence;  // string: the greatest fence granted or confirmed here; outlives the lease
  std::string queue;  // those who wait; hints only

  // The note that `token` has been released: a string that ends when the lease would have.
  std::string note(const std::string& token) const { return "redlock.released." + token + ":" + lock; }
};

}  // namespace redlock::redis
