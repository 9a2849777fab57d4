#include "waiting/free_check.hpp"

#include "waiting/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace redlock::sim::waiting {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool FreeCheck::is_free(const Names& names) const {
  std::size_t free = 0;
  for (NodeIndex i = 0; i < world_.nodes.size(); ++i) {
    const Node& node = world_.nodes[i];
    if (!world_.hangs(i) && std::ranges::none_of(names, [&](std::size_t name) {
          return node.keys.of(name).holder(world_.now_ms()) != nullptr || is_kept(node, name, names);
        }))
      ++free;
  }
  return free >= quorum::votes_needed(world_.nodes.size());
}

bool FreeCheck::is_kept(const Node& node, std::size_t name, const Names& from) const {
  const auto by = node.queue_of(name).barred_by(world_.now_ms());
  return !world_.slots && by && std::ranges::any_of(world_.clients(), [&](const auto& client) {
    return client->entry() == *by && std::ranges::any_of(client->names(), [&](std::size_t wanted) {
             return std::ranges::find(from, wanted) == from.end();
           });
  });
}

void FreeCheck::check_polls() {
  bool all_done = true;
  for (const auto& client : world_.clients()) {
    all_done = all_done && (client->dead() || client->done());
    const Instant last = std::max(client->asked_at(), client->waits_since());
    if (client->waits() && world_.queue.now() - last > greatest_poll())
      world_.violated(fmt::format("{} sleeps past its poll", client->name()));
    if (const auto node = client->never_polled(); node && client->waits())
      world_.violated(fmt::format("{} never asks node {} again", client->name(), *node + 1));
  }
  if (!all_done) world_.queue.plan(world_.queue.now() + milliseconds{500}, [this] { check_polls(); });
}

void FreeCheck::look() {
  for (auto& [names, since] : free_since_) {
    if (!is_free(names)) {
      since.reset();
    } else if (!since) {
      since = world_.queue.now();
      plan_checks(names);
    }
  }
}

void FreeCheck::on_waiting(const Names& names) {
  if (!world_.slots) return begin_check(names);
  for (const std::size_t slot : names) begin_check({slot});
}

void FreeCheck::begin_check(const Names& names) {
  const auto [known, is_new] = free_since_.try_emplace(names);
  if (is_new && is_free(names)) known->second = world_.queue.now();
  if (known->second) plan_checks(names);
}

void FreeCheck::plan_checks(const Names& names) {
  Check check{.names = names, .since = world_.queue.now(), .orderly = false};
  plan(check, two_polls());
  check.orderly = true;
  if (world_.names == 1 && world_.trouble.reliable() && world_.trouble.far == 1 && in_order())
    plan(check, few_round_trips());
}

void FreeCheck::plan(const Check& check, Duration after) {
  world_.queue.plan(world_.queue.now() + after, [this, check] {
    const auto& free_since = free_since_[check.names];
    if (free_since && *free_since <= check.since && (!check.orderly || in_order())) look_at(check);
  });
}

void FreeCheck::look_at(const Check& check) {
  const auto& clients = world_.clients();
  const auto is_asked_for = [&](const auto& client) {
    return client->tries() &&
           std::ranges::any_of(check.names, [&](std::size_t name) { return client->wants(name); });
  };
  // The result of an attempt is to be seen a little later.
  if (std::ranges::any_of(clients, is_asked_for)) return plan(check, few_round_trips());
  for (const auto& client : clients) {
    if (!client->waits() || !(world_.slots || client->names() == check.names) ||
        client->waits_since() > check.since)
      continue;
    world_.violated(fmt::format("the lock is free {}, and {} waits",
                                check.orderly ? "for several round trips" : "for two polls", client->name()));
  }
}

// ---- Where it goes fast

bool FreeCheck::in_order() const {
  return dead_in_queues() < 2 && !barred_by_the_dead() &&
         std::all_of(world_.nodes.begin(), world_.nodes.end(),
                     [this](const Node& node) { return queue_is_right(node); });
}

// A dead waiter keeps its position until it is passed over, for which the next one gives it a slot. Where both first are
// dead, nobody is told.
std::size_t FreeCheck::dead_in_queues() const {
  const auto& clients = world_.clients();
  const auto dead = std::count_if(clients.begin(), clients.end(), [this](const auto& client) {
    return client->dead() && std::any_of(world_.nodes.begin(), world_.nodes.end(), [&](const Node& node) {
             return std::ranges::any_of(client->queues(), [&](std::size_t name) {
               return node.queue_of(name).position(client->entry()).has_value();
             });
           });
  });
  return static_cast<std::size_t>(dead);
}

bool FreeCheck::barred_by_the_dead() const {
  const auto& clients = world_.clients();
  return std::any_of(clients.begin(), clients.end(), [this](const auto& client) {
    return !client->live() && std::any_of(world_.nodes.begin(), world_.nodes.end(), [&](const Node& node) {
      return std::ranges::any_of(client->queues(), [&](std::size_t name) {
        return node.queue_of(name).barred_by(world_.now_ms()) == client->entry();
      });
    });
  });
}

// Those that wait stand in it, and no others. After votes were split it may be otherwise: a node that granted a client which
// did not win has it in no queue, and one that refused the winner has it in its queue until it releases the lock.
bool FreeCheck::queue_is_right(const Node& node) const {
  const auto& clients = world_.clients();
  return std::all_of(clients.begin(), clients.end(), [&node](const auto& client) {
    return !client->live() || std::ranges::all_of(client->queues(), [&](std::size_t name) {
      return client->waits() == node.queue_of(name).position(client->entry()).has_value();
    });
  });
}

// ---- How long it may take

Duration FreeCheck::slot() const {
  return std::clamp(world_.latency * 15 / 4, Duration{milliseconds{8}}, Duration{milliseconds{250}});
}

std::size_t FreeCheck::in_the_way() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(world_.clients(), [](const auto& client) { return !client->done(); }));
}

Duration FreeCheck::few_round_trips() const {
  // One slot more: where less than a quorum has something to tell, the first looks a slot later.
  Duration most = world_.latency * 24 + milliseconds{3} + slot() * static_cast<int>(1 + dead_in_queues());
  if (world_.trouble.holders_die || world_.trouble.deleted_by_hand) most += kGreatestExpiryLag;
  return most;
}

Duration FreeCheck::greatest_poll() const {
  return times(seconds{2}, std::max(1.0, 5.5 / static_cast<double>(world_.nodes.size())));
}

Duration FreeCheck::two_polls() const {
  return 2 * greatest_poll() + slot() * static_cast<int>(in_the_way() + 2) + kProbeTimeout * 4 +
         times(world_.latency, world_.trouble.far) * 30 + milliseconds{600};
}

}  // namespace redlock::sim::waiting
