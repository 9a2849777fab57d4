#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::config {

// The longest name of a lock, and the longest key_prefix, in bytes (DESIGN section 2).
inline constexpr std::size_t kMaxNameBytes = 512;

// The prefix of the keys that redlock keeps beside a lock (DESIGN section 3, "Keys"). No lock has it.
inline constexpr std::string_view kReservedPrefix = "redlock.";

// Throws UsageError unless `name` is good for a lock: not empty, at most kMaxNameBytes long, no NUL, not reserved.
void check_lock_name(std::string_view name);

// The same of the names that make one lock; and that they are at most so many as a lock can have, no two alike, and
// without a newline where there are several: $REDLOCK_NAME has one a line.
void check_lock_names(const std::vector<std::string>& names);

// Of NAME#k, which may be a slot: NAME. Else nothing.
std::optional<std::string> name_of_slot(std::string_view name);

// The problem if `prefix` and the good name `name` together make no good key.
std::optional<std::string> key_problem(std::string_view prefix, std::string_view name);

}  // namespace redlock::config
