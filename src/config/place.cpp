#include "config/place.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

namespace redlock::config {

void fail(const Place& place, std::string_view problem) {
  const std::string message = fmt::format("{}: {}", place.text, problem);
  if (place.origin == Place::Origin::Flag) throw UsageError{message};
  throw ConfigError{message};
}

}  // namespace redlock::config
