#include "waiting/world.hpp"

#include "describe.hpp"
#include "setting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace redlock::sim::waiting {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kEnd = seconds{400};
constexpr std::uint64_t kMostEvents = 1'000'000;  // far more than any world needs
constexpr std::uint64_t kWallUs = 1'790'000'000'000'000;

}  // namespace

World::World(std::uint64_t seed, const WaitingWorlds& worlds, std::string* trace)
    : dice{seed}, defect_{worlds.defect}, trace_{trace} {
  worlds.meals > 0 ? lay_table(worlds.meals) : draw(worlds.names);
  const Duration apart = dice.between(Duration{}, latency * (worlds.meals > 0 ? 1 : 40));
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    queue.plan(Instant{apart * static_cast<int>(i)}, [this, i] { clients_[i]->start(); });
  }
  plan_trouble();
  free_check_.check_polls();
}

std::optional<std::string> World::run() {
  try {
    while (queue.step() && queue.now() < Instant{kEnd}) {
      if (queue.executed() > kMostEvents) violated("it does not come to an end");
    }
    for (const auto& client : clients_) {
      if (!client->dead() && !client->done()) violated(fmt::format("{} is never served", client->name()));
    }
  } catch (const Violation& violation) {
    return violation.what;
  }
  return std::nullopt;
}

Now World::clocks() const {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(queue.now().time_since_epoch());
  return {.boot = now(), .wall_us = kWallUs + static_cast<std::uint64_t>(us.count())};
}

std::int64_t World::now_ms() const {
  return std::chrono::floor<milliseconds>(now().time_since_epoch()).count();
}

void World::say(std::string_view who, std::string_view what) {
  if (trace_ == nullptr) return;
  *trace_ += fmt::format("{:12.3f} ms  {:<9}  {}\n",
                         std::chrono::duration<double, std::milli>{queue.now().time_since_epoch()}.count(),
                         who, what);
}

void World::violated(const std::string& what) {
  say("VIOLATED", what);
  throw Violation{what};
}

// ---- What clients say

// The one that came first may be farther away than the others.
Duration World::one_way(const Client& client) {
  return times(dice.between(latency / 2, latency * 3 / 2), client.index() == 0 ? trouble.far : 1);
}

void World::request(Client& client, const quorum::Send& send) {
  const NodeIndex to = send.node;
  if (hangs(to)) {
    queue.plan(when(send.deadline),
               [&client, send] { client.hear([&client, send] { client.on_timeout(send.node, send.id); }); });
    return;
  }
  in_order(up_, client, to, one_way(client), [this, &client, send] {
    const quorum::Reply reply = execute(client, send.node, send.request);
    in_order(down_, client, send.node, one_way(client), [&client, send, reply] {
      client.hear([&client, send, reply] { client.on_answer(send.node, send.id, reply); });
    });
  });
}

void World::leave_queue(const Client& client, NodeIndex at) {
  in_order(up_, client, at, one_way(client), [this, &client, at] {
    for (const std::size_t name : client.names()) {
      NameKeys& keys = nodes[at].queue_of(name);
      const auto position = keys.position(client.entry());
      keys.leave_queue(client.entry());
      if (position && position->ahead < kCalled) call_next(at, name, false);
    }
    free_check_.look();
  });
}

void World::subscribe(Client& client, NodeIndex to, Subscribed mode) {
  if (nodes[to].silent || hangs(to)) return;
  queue.plan(queue.now() + one_way(client) * 3, [this, &client, to, mode] {  // it connects first
    nodes[to].subscribed[client.index()] = mode;
    in_order(told_, client, to, one_way(client), [this, &client, to, mode] {
      say(client.name(), fmt::format("listens to node {}, {}", to + 1,
                                     mode == Subscribed::Next ? "to the key" : "to be called"));
      client.hear([this, &client, to, mode] { client.waiter().on_subscribed(now(), to, mode); });
    });
  });
}

void World::probe(Client& client, const quorum::Waiter::Ask& ask) {
  if (hangs(ask.node)) {
    queue.plan(queue.now() + kProbeTimeout, [this, &client, ask] {
      client.hear([this, &client, ask] { client.waiter().on_probe_failed(now(), ask.node); });
    });
    return;
  }
  in_order(up_, client, ask.node, one_way(client), [this, &client, ask] {
    // The script says who has each of several names.
    const bool script = ask.what == quorum::Probe::QueueState || client.names().size() > 1;
    Keyspace& keys = nodes[ask.node].keys;
    const quorum::QueueState state = slots ? keys.slots_state(client.names(), client.entry(), now_ms())
                                           : keys.queue_state(client.names(), client.entry(), now_ms());
    in_order(down_, client, ask.node, one_way(client), [this, &client, ask, script, state] {
      say(client.name(),
          fmt::format("node {} has {}", ask.node + 1, state.holder ? describe(*state.holder) : "no holder"));
      client.hear([this, &client, ask, script, state] {
        if (script) {
          client.waiter().on_queue_state(now(), ask.node, state);
        } else {
          client.waiter().on_holder(now(), ask.node, state.barred ? std::nullopt : state.holder);
        }
      });
    });
  });
}

void World::granted(Client& client) {
  sweep_check_.on_granted(client);
  turn_check_.on_granted(client);
  if (trouble.holders_die && dice.chance(0.3)) die(client);
}

// It comes again, as another process.
void World::released(const Client& client) {
  if (!eaten_.empty()) note_meal(client);
  if (client.wish().rounds == 1) return;
  const std::size_t next = clients_.size();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(queue.now().time_since_epoch());
  add_client({.names = client.names(),
              .rounds = client.wish().rounds - 1,
              .began_us = clients_.size() + static_cast<std::uint64_t>(us.count())});
  queue.plan(queue.now() + dice.between(milliseconds{3}, milliseconds{8}) + latency * 2,
             [this, next] { clients_[next]->start(); });
}

void World::die(Client& client) {
  say(client.name(), "dies");
  client.die();
}

void World::in_order(Ways& ways, const Client& client, NodeIndex node, Duration delay,
                     std::function<void()> then) {
  Instant& last = ways[{client.index(), node}];
  last = std::max(last + Duration{1}, queue.now() + delay);
  queue.plan(last, std::move(then));
}

// ---- What nodes do

quorum::Reply World::execute(const Client& client, NodeIndex at, const quorum::Request& request) {
  Keyspace& keys = nodes[at].keys;
  Names held;
  std::ranges::copy_if(client.names(), std::back_inserter(held),
                       [&](std::size_t name) { return keys.of(name).holder(now_ms()) != nullptr; });
  const Command command = std::visit([](const auto& each) -> Command { return each; }, request);
  const quorum::Reply reply = keys.execute(command, client.names(), now_ms(), defect_);
  const quorum::Slot slot = slot_of(command);
  const bool acquires = std::holds_alternative<quorum::AcquireRequest>(request);
  const bool granted = std::holds_alternative<quorum::Granted>(reply);
  const bool set = granted || std::holds_alternative<quorum::Extended>(reply);
  for (const std::size_t name : slot > 0 ? Names{client.names()[slot - 1]} : client.names()) {
    if (granted) call_next(at, name, true);
    const bool deleted = std::ranges::find(held, name) != held.end() && !keys.of(name).holder(now_ms());
    if (set || deleted) changed(at, name);
  }
  if (acquires && !granted)
    queue.plan(queue.now() + kBarLife + milliseconds{2}, [this] { free_check_.look(); });
  free_check_.look();
  return reply;
}

void World::call_next(NodeIndex at, std::size_t name, bool granted) {
  std::uint64_t ahead = 0;
  for (const auto& [entry, life] : nodes[at].queue_of(name).waiters()) {
    for (const auto& client : clients_) {
      if (client->entry() == entry && nodes[at].subscribed[client->index()] != Subscribed::Nothing) {
        tell(*client, at, [this, ahead, at, granted](Client& it) {
          say(it.name(), fmt::format("is called to {} by node {}", ahead, at + 1));
          if (granted) {
            it.waiter().on_granted(now(), at, ahead);
          } else {
            it.waiter().on_left(now(), at, ahead);
          }
        });
      }
    }
    if (++ahead == kCalled) return;
  }
}

// The key of a name has changed there.
void World::changed(NodeIndex at, std::size_t name) {
  for (const auto& client : clients_) {
    if (nodes[at].subscribed[client->index()] != Subscribed::Next || !client->wants(name)) continue;
    tell(*client, at, [this, at](Client& it) {
      say(it.name(), fmt::format("hears of a change from node {}", at + 1));
      it.waiter().on_key_changed(now(), at);
    });
  }
  const std::int64_t last_ms = nodes[at].keys.of(name).last_ms();
  if (nodes[at].keys.of(name).last_holder() != nullptr) {
    const Instant gone = when(TimePoint{milliseconds{last_ms + 1}});
    queue.plan(gone, [this] { free_check_.look(); });
    queue.plan(gone + dice.between(Duration{}, kGreatestExpiryLag), [this, at, name, last_ms] {
      NameKeys& keys = nodes[at].keys.of(name);
      if (keys.last_holder() == nullptr || keys.last_ms() != last_ms) return;
      keys.delete_key();
      changed(at, name);
      free_check_.look();
    });
  }
}

void World::tell(Client& client, NodeIndex from, std::function<void(Client&)> what) {
  if (hangs(from) || dice.chance(trouble.loss))
    return say(client.name(), fmt::format("is not told by node {}", from + 1));
  in_order(told_, client, from, one_way(client) + dice.between(Duration{}, trouble.late),
           [&client, what] { client.hear([&client, what] { what(client); }); });
}

// ---- What goes wrong

void World::hang(NodeIndex node, Instant until) {
  say(fmt::format("node {}", node + 1),
      until == Instant::max() ? "hangs" : fmt::format("hangs for {}", describe(until - queue.now())));
  nodes[node].hangs_until = std::max(nodes[node].hangs_until, until);
  if (until != Instant::max()) queue.plan(until, [this] { free_check_.look(); });
  free_check_.look();
}

void World::draw(std::size_t wanted_names) {
  constexpr std::size_t kSizes[] = {1, 3, 3, 5, 5, 5};
  nodes.resize(kSizes[dice.below(std::size(kSizes))]);
  names = dice.chance(0.4) ? 2 + dice.below(4) : 1;
  if (wanted_names > 0) names = wanted_names;
  slots = names > 1 && wanted_names == 0 && dice.chance(0.3);
  for (Node& node : nodes) {
    node.keys = Keyspace{names};
    node.slots = slots;
  }
  latency = dice.chance(0.5) ? dice.between(Duration{20'000}, Duration{200'000})
                             : dice.between(Duration{20'000}, Duration{20'000'000});
  hold = dice.chance(0.3) ? latency * 2 : dice.between(Duration{}, Duration{kTtl} * 2);
  const bool clean = dice.chance(0.4);
  trouble.far = dice.chance(0.3) ? dice.between(2., 20.) : 1;
  trouble.waiters_die = dice.chance(0.5);
  trouble.waiters_leave = dice.chance(0.5);
  trouble.holders_die = dice.chance(0.3);
  trouble.deleted_by_hand = dice.chance(0.3);
  if (!clean) {
    if (dice.chance(0.5)) trouble.loss = dice.between(0.01, 1);
    if (dice.chance(0.3)) trouble.late = dice.between(Duration{}, Duration{kTtl});
    if (dice.chance(0.3)) trouble.silent = dice.below(nodes.size() + 1);
    trouble.node_hangs = nodes.size() > 1 && dice.chance(0.3);
    trouble.silences = dice.chance(0.3);
    trouble.subscriptions_break = dice.chance(0.3);
    trouble.waiters_stand_still = dice.chance(0.3);
  }
  for (std::size_t i = 0; i < trouble.silent; ++i) nodes[i].silent = true;
  draw_clients();
  say("world",
      fmt::format("{} nodes, {} {}, {} clients, latency {} and {:.1f} times that, hold {}, loss {:.2f}, "
                  "late {}, {} silent, "
                  "hang {}, silences {}, break "
                  "{}, deaths {}/{}, leave {}, still {}, by hand {}",
                  nodes.size(), names, slots ? "slots" : "names", clients_.size(), describe(latency),
                  trouble.far, describe(hold), trouble.loss, describe(trouble.late), trouble.silent,
                  trouble.node_hangs, trouble.silences, trouble.subscriptions_break, trouble.waiters_die,
                  trouble.holders_die, trouble.waiters_leave, trouble.waiters_stand_still,
                  trouble.deleted_by_hand));
}

// Five philosophers, each with a fork to share with either neighbour, five nodes 5 to 15 ms away.
void World::lay_table(unsigned meals) {
  constexpr std::size_t kSeats = 5;
  nodes.resize(kSeats);
  names = kSeats;
  latency = milliseconds{10};
  hold = milliseconds{20};
  for (Node& node : nodes) node.keys = Keyspace{names};
  for (std::size_t i = 0; i < kSeats; ++i)
    add_client({.names = {i, (i + 1) % kSeats}, .rounds = meals, .began_us = i + 1});
  eaten_.resize(kSeats);
}

// Once all have eaten twice, none has eaten three times as often as another. Before that, chance decides: where each waits
// only for the neighbours that came before it, one may have its third meal as soon as another its second.
void World::note_meal(const Client& client) {
  ++eaten_[client.names().front()];
  const auto [least, most] = std::ranges::minmax(eaten_);
  if (least >= 2 && most >= 3 * least) violated(fmt::format("meals are {}", fmt::join(eaten_, " ")));
}

void World::draw_clients() {
  const std::size_t count = 2 + dice.below(dice.chance(0.1) ? 24 : 7);
  const unsigned rounds = names > 1 && count < 8 ? 1 + static_cast<unsigned>(dice.below(6)) : 1;
  const bool table = dice.chance(0.5);  // as of philosophers, with a fork between two neighbours
  for (std::size_t i = 0; i < count; ++i) {
    add_client({.names = table && names > 1 && !slots ? Names{i % names, (i + 1) % names} : draw_names(),
                .rounds = rounds,
                .began_us = i + 1});
  }
}

// Neighbours, up to three: so that sets overlap, also in a circle. Or all slots.
Names World::draw_names() {
  Names drawn;
  for (std::size_t name = 0; slots && name < names; ++name) drawn.push_back(name);
  if (slots) return drawn;
  const std::size_t first = dice.below(names);
  const std::size_t count = 1 + dice.below(std::min<std::size_t>(names, 3));
  for (std::size_t i = 0; i < count; ++i) drawn.push_back((first + i) % names);
  return drawn;
}

void World::add_client(Client::Wish wish) {
  clients_.push_back(std::make_unique<Client>(*this, clients_.size(), std::move(wish)));
  for (Node& node : nodes) node.subscribed.resize(clients_.size(), Subscribed::Nothing);
}

void World::plan_trouble() {
  const auto sometimes = [this](bool wanted, std::size_t most, auto accident) {
    for (std::size_t i = wanted ? 1 + dice.below(most) : 0; i > 0; --i) {
      queue.plan(
          Instant{dice.between(Duration{}, (hold + milliseconds{20}) * static_cast<int>(clients_.size()))},
          accident);
    }
  };
  sometimes(trouble.waiters_die, clients_.size(), [this] {
    Client& client = *clients_[dice.below(clients_.size())];
    if (client.waits()) die(client);
  });
  sometimes(trouble.waiters_leave, clients_.size(), [this] {
    Client& client = *clients_[dice.below(clients_.size())];
    if (client.waits()) client.leave();
  });
  sometimes(trouble.waiters_stand_still, 3, [this] {
    Client& client = *clients_[dice.below(clients_.size())];
    if (!client.waits()) return;
    say(client.name(), "stands still");
    client.stand_still(true);
    queue.plan(queue.now() + dice.between(Duration{}, seconds{8}), [&client] { client.stand_still(false); });
  });
  sometimes(trouble.node_hangs, 1, [this] { hang(nodes.size() - 1, Instant::max()); });
  sometimes(trouble.silences, 3, [this] {
    const double share = dice.chance(0.5) ? 1 : dice.between(0.2, 0.8);
    const Instant until = queue.now() + dice.between(kProbeTimeout, seconds{15});
    for (NodeIndex i = 0; i < nodes.size(); ++i) {
      if (dice.chance(share)) hang(i, until);
    }
  });
  sometimes(trouble.subscriptions_break, 5, [this] {
    const NodeIndex node = dice.below(nodes.size());
    say(fmt::format("node {}", node + 1), "closes its subscriptions");
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      if (std::exchange(nodes[node].subscribed[i], Subscribed::Nothing) == Subscribed::Nothing) continue;
      Client& client = *clients_[i];
      in_order(told_, client, node, one_way(client),
               [&client, node] { client.hear([&client, node] { client.unsubscribed(node); }); });
    }
  });
  sometimes(trouble.deleted_by_hand, 3, [this] {
    say("somebody", "deletes a key by hand");
    const std::size_t name = dice.below(names);
    for (NodeIndex i = 0; i < nodes.size(); ++i) {
      if (hangs(i) || nodes[i].keys.of(name).holder(now_ms()) == nullptr) continue;
      nodes[i].keys.of(name).delete_key();
      changed(i, name);
    }
    free_check_.look();
  });
}

}  // namespace redlock::sim::waiting
