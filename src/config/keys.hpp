#pragma once

#include "base/clock.hpp"
#include "config/settings.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

// The table of settings: the keys of [defaults] and [lock.NAME], the variables of the environment and the names of the
// options follow from it.
namespace redlock::config {

using KeyMember = std::variant<std::optional<Duration> Layer::*, std::optional<std::uint64_t> Layer::*,
                               std::optional<std::string> Layer::*, std::optional<ReleaseWhen> Layer::*,
                               std::optional<bool> Layer::*>;

struct Key {
  std::string_view name;  // as in TOML: "retry_delay"
  KeyMember member;
  // Durations only: the range, what the value must be a multiple of, and the built-in default where there is one.
  Duration least{};
  Duration most{};
  Duration step{1};
  Duration standard{};
};

inline constexpr std::size_t kKeyCount = 15;
extern const std::array<Key, kKeyCount> kKeys;

const Key& find_key(KeyMember member);

std::string flag_name(const Key& key);         // "--retry-delay"
std::string environment_name(const Key& key);  // "REDLOCK_RETRY_DELAY"

// Describes a value of this key: "a duration such as 500ms, 30s or 1h30m".
std::string_view expected(const Key& key);

// Each reads `text` into `value` and returns the problem, if any.
[[nodiscard]] std::optional<std::string> read_value(std::string_view text, Duration& value);
[[nodiscard]] std::optional<std::string> read_value(std::string_view text, std::uint64_t& value);
[[nodiscard]] std::optional<std::string> read_value(std::string_view text, std::string& value);
[[nodiscard]] std::optional<std::string> read_value(std::string_view text, ReleaseWhen& value);
[[nodiscard]] std::optional<std::string> read_value(std::string_view text, bool& value);

// Reads `text` into the member of `layer` without checking the range. Returns the problem, if any.
[[nodiscard]] std::optional<std::string> assign(Layer& layer, const Key& key, std::string_view text);

// The problem if `layer` has a value of `key` that is out of range.
std::optional<std::string> range_problem(const Layer& layer, const Key& key);

// The warning if `layer` has a duration of 1000 or more for `key` that was given without a unit: all libraries count a TTL
// in milliseconds.
std::optional<std::string> unit_doubt(const Layer& layer, const Key& key);

bool has(const Layer& layer, const Key& key);

// Copies the value of `key` if `target` has none and `source` has one; returns whether it did.
bool inherit(Layer& target, const Layer& source, const Key& key);

}  // namespace redlock::config
