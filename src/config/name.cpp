#include "config/name.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <fmt/format.h>

namespace redlock::config {

void check_lock_name(std::string_view name) {
  if (name.empty()) throw UsageError{"the name of the lock is empty"};
  if (name.size() > kMaxNameBytes) {
    throw UsageError{fmt::format("the name of the lock has {} bytes: {}: use {} or fewer", name.size(),
                                 quoted(name, 32), kMaxNameBytes)};
  }
  if (name.find('\0') != std::string_view::npos) {
    throw UsageError{fmt::format("the name of the lock holds a NUL byte: {}", quoted(name, 64))};
  }
  if (name.starts_with(kReservedPrefix)) {
    throw UsageError{
        fmt::format("the name of the lock begins with '{}', as the keys do that are kept beside a lock: {}",
                    kReservedPrefix, quoted(name, 64))};
  }
}

}  // namespace redlock::config
