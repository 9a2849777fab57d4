#pragma once

#include "quorum/types.hpp"
#include "redis/keys.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace redlock::redis {

// The lock as the nodes know it: what the keys are made of, and what is written down about the holder.
struct LockSubject {
  std::vector<std::string> keys;  // PREFIX+NAME; several are one lock of several names
  quorum::HolderInfo holder;
  std::size_t slots = 0;  // of the one key; 0: it has none

  std::vector<LockKeys> lock_keys() const {
    std::vector<LockKeys> all{keys.begin(), keys.end()};
    if (slots == 0) return all;
    all.clear();
    for (std::size_t number = 1; number <= slots; ++number) all.emplace_back(keys.front(), number);
    return all;
  }
};

}  // namespace redlock::redis
