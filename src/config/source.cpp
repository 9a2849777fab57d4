#include "config/source.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "config/suggest.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace redlock::config {
namespace {

constexpr std::string_view kPrefix = "REDLOCK_";

// Variables that are no settings, and near to the name of one.
constexpr std::string_view kOtherVariables[] = {"NODES", "CONFIG", "NAME", "TOKEN", "FENCE", "SLOT"};

// A variable that nobody reads may be anybody's; one that is all but the name of a setting is a slip.
void warn_of_misspelt_variables() {
  std::vector<std::string> names;
  std::vector<std::string_view> known;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view name = *entry;
    name = name.substr(0, name.find('='));
    if (!name.starts_with(kPrefix)) continue;
    if (known.empty()) {
      for (const Key& key : kKeys) names.push_back(environment_name(key).substr(kPrefix.size()));
      known.assign(names.begin(), names.end());
      known.insert(known.end(), std::begin(kOtherVariables), std::end(kOtherVariables));
    }
    name.remove_prefix(kPrefix.size());
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (const auto meant = closest(name, known)) {
      log::warning(fmt::format("{}{} in the environment is no setting, and does nothing: did you mean {}{}?",
                               kPrefix, printable(name, 64), kPrefix, *meant));
    }
  }
}

}  // namespace

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
  warn_of_misspelt_variables();
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
