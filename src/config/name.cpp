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

std::optional<std::string> key_problem(std::string_view prefix, std::string_view name) {
  // The beginning of the name is enough to tell.
  const std::string begin = std::string{prefix.substr(0, kReservedPrefix.size())} +
                            std::string{name.substr(0, kReservedPrefix.size())};
  if (prefix.empty() || !begin.starts_with(kReservedPrefix)) return std::nullopt;
  return fmt::format(
      "key_prefix {} and the name {} make a key that begins with '{}', as the keys do that are kept beside a "
      "lock; use another prefix or name",
      quoted(prefix, 64), quoted(name, 64), kReservedPrefix);
}

}  // namespace redlock::config
