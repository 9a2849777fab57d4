#pragma once

#include "config/keys.hpp"
#include "config/place.hpp"
#include "config/settings.hpp"

#include <array>
#include <string>
#include <vector>

namespace redlock::config {

// One source of settings, with the place of each value for messages.
struct Source {
  Layer layer;
  std::array<Place, kKeyCount> places;  // in the order of kKeys; empty where the layer has no value
};

// Throws through fail() if a value is out of its range, even if another source overrides it: a mistake in a file should
// show before it matters.
void check_ranges(const Source& source);

Source source_from_flags(const Layer& layer);

// Reads REDLOCK_TTL and so on; an empty variable counts as unset. Throws ConfigError for a malformed value.
Source source_from_environment();

// The value of a variable, or nullptr if it is unset or empty.
const char* environment_value(const char* name);

// For each key, the value of the first of `sources` that has one. `chosen` points to its place in `sources`, or is
// nullptr if none has a value.
struct Merged {
  Layer layer;
  std::array<const Place*, kKeyCount> chosen{};
};
Merged merge(const std::vector<const Source*>& sources);

}  // namespace redlock::config
