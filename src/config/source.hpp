#pragma once

#include "config/keys.hpp"
#include "config/place.hpp"
#include "config/settings.hpp"

#include <array>
#include <string>
#include <vector>

namespace redlock::config {

// One source of settings, and where each of its values stands.
struct Source {
  Layer layer;
  std::array<Place, kKeyCount> places;  // in the order of kKeys; empty where the layer has no value
};

// Throws through fail() when a value is out of its range, whether or not another source overrides it: a
// mistake in a file should not wait for the day on which it counts.
void check_ranges(const Source& source);

Source source_from_flags(const Layer& layer);

// Reads REDLOCK_TTL and its like; an empty variable counts as unset. Throws ConfigError for a malformed
// value.
Source source_from_environment();

// The value of a variable, or nullptr where it is unset or empty.
const char* environment_value(const char* name);

// The values of `sources`, the first that has a key deciding; `chosen` says where each value came from
// (nullptr: nowhere). The pointers point into `sources`.
struct Merged {
  Layer layer;
  std::array<const Place*, kKeyCount> chosen{};
};
Merged merge(const std::vector<const Source*>& sources);

}  // namespace redlock::config
