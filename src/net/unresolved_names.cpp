#include "net/unresolved_names.hpp"

#include <algorithm>

namespace redlock::net {

std::optional<ConnectionFailure> UnresolvedNames::find(const std::string& host, TimePoint now) const {
  const auto found = names_.find(host);
  if (found == names_.end() || now >= found->second.ask_again) return std::nullopt;
  return found->second.failure;
}

// Questions that were asked at the same time fail at the same time: they count once.
void UnresolvedNames::on_failure(const std::string& host, TimePoint now, const ConnectionFailure& failure) {
  auto [found, is_new] = names_.try_emplace(host);
  Unresolved& name = found->second;
  if (!is_new && now < name.ask_again) return;
  name.failure = failure;
  name.pause = std::clamp<Duration>(2 * name.pause, kLeastPause, kGreatestPause);
  name.ask_again = now + name.pause;
}

}  // namespace redlock::net
