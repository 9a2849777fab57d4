#include "config/name.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "redis/keys.hpp"

#include <fmt/format.h>

#include <algorithm>

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

void check_lock_names(const std::vector<std::string>& names) {
  for (const std::string& name : names) check_lock_name(name);
  if (names.size() > redis::kMostNames) {
    throw UsageError{fmt::format("{} names: a lock can have up to {}", names.size(), redis::kMostNames)};
  }
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end()) {
    throw UsageError{fmt::format("the name {} is given twice", quoted(*twice, 64))};
  }
  for (const std::string& name : names) {
    if (names.size() > 1 && name.find('\n') != std::string::npos) {
      throw UsageError{fmt::format("the name {} holds a newline, which no name may that is one of several",
                                   quoted(name, 64))};
    }
  }
}

std::optional<std::string> name_of_slot(std::string_view name) {
  const std::size_t hash = name.rfind('#');
  if (hash == 0 || hash == std::string_view::npos) return std::nullopt;
  const auto number = parse_number<std::size_t>(name.substr(hash + 1));
  if (!number || *number == 0 || *number > redis::kMostSlots) return std::nullopt;
  return std::string{name.substr(0, hash)};
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
