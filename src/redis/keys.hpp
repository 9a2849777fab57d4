#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace redlock::redis {

// How many names a lock can have.
inline constexpr std::size_t kMostNames = 16;
// And how many slots: each node tells in each answer who has which.
inline constexpr std::size_t kMostSlots = 100;

// Slot k of NAME is the lock NAME#k.
inline std::string slot_name(const std::string& name, std::size_t number) {
  return name + "#" + std::to_string(number);
}

// The keys of one lock on a node (DESIGN section 3, "Keys"). The first is the one that all Redlock libraries
// share.
struct LockKeys {
  explicit LockKeys(const std::string& key)
      : lock{key},
        info{kInfoPrefix + key},
        fence{"redlock.fence:" + key},
        queue{"redlock.queue:" + key},
        bar{"redlock.bar:" + key} {}
  // Of a slot: NAME#k. All slots of NAME share one queue, which is no lock's of any name, and nothing else.
  LockKeys(const std::string& name, std::size_t number) : LockKeys{slot_name(name, number)} {
    queue = "redlock.slots.queue:" + name + "#";
    bar = "redlock.slots.bar:" + name + "#";
    slot = true;
  }

  // The beginning of the info's key: by it the locks of redlock are found among all keys.
  static constexpr const char* kInfoPrefix = "redlock.info:";

  std::string lock;   // string: the token; ends with the lease
  std::string info;   // hash: who holds it, for people, and the attempt that planted the token here
  std::string fence;  // string: the greatest fence granted or confirmed here; outlives the lease
  std::string queue;  // those who wait; hints only
  // The name of the waiter for whom the lock is kept free: the first in its queue, if it waits for several locks. Its turn
  // would not come while others take one of them after the other. Waiters stand behind it; others ignore it. Lives for
  // some seconds.
  std::string bar;
  bool slot = false;

  // The note that `token` has been released: a string that ends when the lease would have.
  std::string note(const std::string& token) const { return "redlock.released." + token + ":" + lock; }
};

// Whether a Redis Cluster has all keys of these locks in one slot: each name has a part in braces that is not empty. Without
// one its keys are in slots of their own, and the cluster refuses the scripts.
bool in_one_slot(const std::vector<LockKeys>& locks);

}  // namespace redlock::redis
