#include "waiting/turn_check.hpp"

#include "waiting/world.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::sim::waiting {
namespace {

constexpr unsigned kMostPassedOver = 2;
// Its subscriptions stand by then, and its bar.
constexpr Duration kSettled = std::chrono::seconds{1};

}  // namespace

void TurnCheck::on_granted(const Client& winner) {
  if (!world_.trouble.reliable() || world_.trouble.far > 1) return;
  for (const auto& client : world_.clients()) {
    if (!client->waits() || world_.queue.now() < client->began_to_wait() + kSettled ||
        !client->overlaps(winner) || !(client->entry() < winner.entry()) || !is_oldest(*client))
      continue;
    const unsigned times = ++passed_over_[client->index()];
    if (times > kMostPassedOver)
      world_.violated(
          fmt::format("{} has waited longest, and was passed over {} times", client->name(), times));
  }
}

bool TurnCheck::is_oldest(const Client& client) const {
  return std::ranges::none_of(world_.clients(), [&](const auto& other) {
    return !other->done() && !other->holds() && other->entry() < client.entry() && other->overlaps(client);
  });
}

}  // namespace redlock::sim::waiting
