#include "redis/keys.hpp"

#include <algorithm>

namespace redlock::redis {

bool in_one_slot(const std::vector<LockKeys>& locks) {
  const auto has_tag = [](const LockKeys& lock) {
    const std::size_t open = lock.lock.find('{');
    const std::size_t close = open == std::string::npos ? open : lock.lock.find('}', open);
    return close != std::string::npos && close > open + 1;
  };
  return !locks.empty() && std::all_of(locks.begin(), locks.end(), has_tag);
}

}  // namespace redlock::redis
