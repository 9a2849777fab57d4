#include "config/source.hpp"

#include <cstdlib>

namespace redlock::config {

void check_ranges(const Source& source) {
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    if (const auto problem = range_problem(source.layer, kKeys[i])) fail(source.places[i], *problem);
  }
}

Source source_from_flags(const Layer& layer) {
  Source source{.layer = layer, .places = {}};
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    if (has(layer, kKeys[i])) source.places[i] = {Place::Origin::Flag, flag_name(kKeys[i])};
  }
  check_ranges(source);
  return source;
}

Source source_from_environment() {
  Source source;
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    const std::string variable = environment_name(kKeys[i]);
    const char* const value = environment_value(variable.c_str());
    if (value == nullptr) continue;
    source.places[i] = {Place::Origin::Environment, variable};
    if (const auto problem = assign(source.layer, kKeys[i], value)) fail(source.places[i], *problem);
  }
  check_ranges(source);
  return source;
}

const char* environment_value(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? nullptr : value;
}

Merged merge(const std::vector<const Source*>& sources) {
  Merged merged;
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    for (const Source* const source : sources) {
      if (inherit(merged.layer, source->layer, kKeys[i])) merged.chosen[i] = &source->places[i];
    }
  }
  return merged;
}

}  // namespace redlock::config
