#include "waiting/sweep_check.hpp"

#include "waiting/world.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::sim::waiting {
namespace {

// A waiter may be granted the lock out of turn: its try was for another reason, such as that few nodes told it of changes.
constexpr unsigned kMostPassedOver = 2;

}  // namespace

void SweepCheck::on_granted(const Client& winner) {
  // Where several slots are free, waiters need not be in turn.
  if (!world_.trouble.reliable() || !winner.has_waited() || world_.slots) return;
  for (const auto& client : world_.clients()) {
    if (!client->dead() || !(client->entry() < winner.entry())) continue;
    for (const std::size_t name : winner.queues()) {
      if (!is_queued(*client, name)) continue;
      const unsigned times = ++passed_over_[{client->index(), name}];
      if (times > kMostPassedOver) {
        world_.violated(
            fmt::format("{} is dead, and was passed over {} times, and stands in the queues still",
                        client->name(), times));
      }
    }
  }
}

// By every node. Where one does not have it, the next may have learned there that nobody goes first.
bool SweepCheck::is_queued(const Client& client, std::size_t name) const {
  return std::ranges::all_of(world_.nodes, [&](const Node& node) {
    return node.queue_of(name).position(client.entry()).has_value();
  });
}

}  // namespace redlock::sim::waiting
