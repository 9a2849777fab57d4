#pragma once

#include "quorum/types.hpp"

#include <string>

namespace redlock::redis {

// The lock as the nodes know it: what the keys are made of, and what is written down about the holder.
struct LockSubject {
  std::string key;  // PREFIX+NAME
  quorum::HolderInfo holder;
};

}  // namespace redlock::redis
