#include "redis/resting.hpp"

#include "base/text.hpp"

namespace redlock::redis {

// Anybody who can write to the node can write anything there: what is no exit status counts as 0.
std::optional<quorum::Resting> decode_resting(std::string_view status, std::chrono::milliseconds length,
                                              std::chrono::milliseconds remaining) {
  constexpr unsigned greatest_status = 255;
  if (status.empty()) return std::nullopt;
  const auto number = parse_number<unsigned>(status).value_or(0);
  quorum::Resting resting{.status = number <= greatest_status ? static_cast<int>(number) : 0, .since = {}};
  if (remaining >= remaining.zero() && remaining <= length) resting.since = length - remaining;
  return resting;
}

}  // namespace redlock::redis
