#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace redlock::config {

// The longest name of a lock, and the longest key_prefix, in bytes (DESIGN section 2).
inline constexpr std::size_t kMaxNameBytes = 512;

// What the keys beside a lock begin with (DESIGN section 3, "Keys"): no lock does.
inline constexpr std::string_view kReservedPrefix = "redlock.";

// Throws UsageError unless `name` can name a lock: not empty, at most kMaxNameBytes long, no NUL, not
// reserved.
void check_lock_name(std::string_view name);

// Says why `prefix` and the good name `name` make no good key together; nothing when they do.
std::optional<std::string> key_problem(std::string_view prefix, std::string_view name);

}  // namespace redlock::config
