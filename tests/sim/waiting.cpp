#include "waiting.hpp"

#include "base/overload.hpp"
#include "describe.hpp"
#include "dice.hpp"
#include "event_queue.hpp"
#include "keyspace.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/waiter.hpp"
#include "setting.hpp"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>

namespace redlock::sim {
namespace {

using quorum::NodeIndex;
using quorum::Subscribed;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTtl{3'000};
constexpr Duration kNodeTimeout = seconds{1};
constexpr Duration kProbeTimeout = milliseconds{100};
constexpr Duration kGreatestExpiryLag = milliseconds{100};  // the server looks for expired keys now and then

// What may go wrong in one world.
struct Trouble {
  double loss = 0;          // of one notification
  Duration late{};          // at most
  std::size_t silent = 0;   // nodes that tell nothing
  bool node_hangs = false;  // one does not answer from some time on
  bool subscriptions_break = false;
  bool waiters_die = false;
  bool waiters_stand_still = false;
  bool holders_die = false;
  bool deleted_by_hand = false;

  // Each notification comes, and each node answers.
  bool reliable() const {
    return loss == 0 && late == Duration{} && silent == 0 && !node_hangs && !subscriptions_break &&
           !waiters_stand_still;
  }
};

class World;

struct Node {
  Keyspace keys;
  bool silent = false;
  bool hangs = false;
  std::vector<Subscribed> subscribed;  // by client
};

// One that wants the lock once, waits for it, holds it for a while, and releases it.
class Client {
 public:
  Client(World& world, std::size_t index, std::size_t nodes);

  void start();
  void die() { dead_ = true; }
  void stand_still(bool still);
  // An event for it: to be handled when it runs.
  void hear(std::function<void()> event);

  bool live() const { return !dead_ && !stands_still_ && !done_; }
  bool dead() const { return dead_; }
  bool done() const { return done_; }
  bool waits() const { return live() && waiting_ && !holds_; }
  bool holds() const { return holds_ && !dead_; }
  Instant waits_since() const { return waits_since_; }
  Instant asked_at() const { return asked_at_; }
  const quorum::QueueEntry& entry() const { return entry_; }
  quorum::Waiter* waiter() { return waiter_ ? &*waiter_ : nullptr; }
  void unsubscribed(NodeIndex node);

 private:
  friend class World;
  void attempt(bool in_turn);
  void send(const std::vector<quorum::Send>& sends);
  void judge();
  void hold();
  void release();
  void go_on();
  void subscribe();
  void ask(const quorum::Waiter::Ask& ask);
  void arm(TimePoint at, std::function<void()> then);

  World& world_;
  std::size_t index_;
  Dice dice_;
  quorum::RequestIds ids_;
  quorum::Membership membership_;
  quorum::QueueEntry entry_;
  std::optional<quorum::AcquireOp> attempt_;
  TimePoint attempt_began_{};
  Duration round_trip_ = Duration::max();
  std::optional<quorum::Waiter> waiter_;
  std::vector<Subscribed> subscriptions_;  // wanted
  quorum::Token token_;
  bool waiting_ = false;
  bool passed_ = false;  // one that came later was granted the lock since it last asked for it
  bool holds_ = false;
  bool dead_ = false;
  bool stands_still_ = false;
  bool done_ = false;
  std::uint64_t armed_ = 0;  // earlier timers are void
  Instant waits_since_{};
  Instant asked_at_{};
  std::vector<std::function<void()>> unheard_;
};

class World {
 public:
  World(std::uint64_t seed, std::string* trace) : dice{seed}, trace_{trace} {
    draw();
    for (std::size_t i = 0; i < clients_.capacity(); ++i)
      clients_.push_back(std::make_unique<Client>(*this, i, nodes.size()));
    for (Node& node : nodes) node.subscribed.resize(clients_.size(), Subscribed::Nothing);
    const Duration apart = dice.between(Duration{}, latency * 40);
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      queue.plan(Instant{apart * static_cast<int>(i)}, [this, i] { clients_[i]->start(); });
    }
    plan_trouble();
  }

  // What does not hold; nothing if all does.
  std::optional<std::string> run() {
    try {
      while (queue.step() && queue.now() < Instant{kEnd}) {
        if (queue.executed() > kMostEvents) violated("it does not come to an end");
      }
      for (const auto& client : clients_) {
        if (!client->dead() && !client->done())
          violated(fmt::format("{} is never served", name(client->index_)));
      }
    } catch (const Violation& violation) {
      return violation.what;
    }
    return std::nullopt;
  }

  // ---- For clients

  TimePoint now() const { return TimePoint{std::chrono::hours{1}} + queue.now().time_since_epoch(); }
  Instant when(TimePoint at) const { return Instant{at - TimePoint{std::chrono::hours{1}}}; }
  Now clocks() const {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(queue.now().time_since_epoch());
    return {.boot = now(), .wall_us = kWallUs + static_cast<std::uint64_t>(us.count())};
  }
  Duration one_way() { return dice.between(latency / 2, latency * 3 / 2); }

  // In order on each way. The outcome comes by the deadline.
  void request(Client& client, const quorum::Send& send) {
    const NodeIndex to = send.node;
    if (nodes[to].hangs) {
      queue.plan(when(send.deadline), [&client, send] {
        client.hear([&client, send] {
          if (client.attempt_)
            client.send(client.attempt_->on_failure(client.world_.clocks(), send.node, send.id,
                                                    {.detail = "timed out"}));
          client.judge();
        });
      });
      return;
    }
    in_order(up_, client, to, one_way(), [this, &client, send] {
      const quorum::Reply reply = execute(client, send.node, send.request);
      in_order(down_, client, send.node, one_way(), [&client, send, reply] {
        client.hear([&client, send, reply] {
          if (client.waiter_) client.waiter_->on_answer(send.node);
          if (client.attempt_)
            client.send(client.attempt_->on_reply(client.world_.clocks(), send.node, send.id, reply));
          client.judge();
        });
      });
    });
  }

  void leave_queue(const Client& client, NodeIndex at) {
    in_order(up_, client, at, one_way(), [this, &client, at] { nodes[at].keys.leave_queue(client.entry()); });
  }

  void subscribe(Client& client, NodeIndex to, Subscribed mode) {
    if (nodes[to].silent || nodes[to].hangs) return;
    queue.plan(queue.now() + one_way() * 3, [this, &client, to, mode] {  // it connects first
      nodes[to].subscribed[client.index_] = mode;
      in_order(told_, client, to, one_way(), [this, &client, to, mode] {
        say(name(client.index_), fmt::format("listens to node {}, {}", to + 1,
                                             mode == Subscribed::Next ? "to the key" : "to be called"));
        client.hear([&client, to, mode] { client.waiter_->on_subscribed(client.world_.now(), to, mode); });
      });
    });
  }

  void probe(Client& client, const quorum::Waiter::Ask& ask) {
    if (nodes[ask.node].hangs) {
      queue.plan(queue.now() + kProbeTimeout, [&client, ask] {
        client.hear([&client, ask] { client.waiter_->on_probe_failed(client.world_.now(), ask.node); });
      });
      return;
    }
    in_order(up_, client, ask.node, one_way(), [this, &client, ask] {
      const Keyspace& keys = nodes[ask.node].keys;
      const quorum::Token* holder = keys.holder(now_ms());
      quorum::QueueState state{
          .holder = {}, .remaining = {}, .info = {}, .position = keys.position(client.entry())};
      if (holder != nullptr) {
        state.holder = *holder;
        state.remaining = milliseconds{keys.last_ms() - now_ms()};
      }
      in_order(down_, client, ask.node, one_way(), [this, &client, ask, state] {
        say(name(client.index_), fmt::format("node {} has {}", ask.node + 1,
                                             state.holder ? describe(*state.holder) : "no holder"));
        client.hear([&client, ask, state] {
          if (ask.what == quorum::Probe::Holder) {
            client.waiter_->on_holder(client.world_.now(), ask.node, state.holder);
          } else {
            client.waiter_->on_queue_state(client.world_.now(), ask.node, state);
          }
        });
      });
    });
  }

  void granted(const Client& client) {
    for (auto& [dead, passed] : dead_) passed = passed || clients_[dead]->entry() < client.entry();
    for (const auto& each : clients_) each->passed_ = each->passed_ || each->entry() < client.entry();
    const bool dies = trouble.holders_die && dice.chance(0.3);
    if (dies) died(client.index_);
  }
  void died(std::size_t index) {
    say(name(index), "dies");
    clients_[index]->die();
    if (clients_[index]->waiting_ && !clients_[index]->holds_) dead_.emplace_back(index, false);
  }

  void say(std::string_view who, std::string_view what) {
    if (trace_ == nullptr) return;
    *trace_ += fmt::format("{:12.3f} ms  {:<9}  {}\n",
                           std::chrono::duration<double, std::milli>{queue.now().time_since_epoch()}.count(),
                           who, what);
  }
  static std::string name(std::size_t index) { return fmt::format("client {}", index + 1); }

  EventQueue queue;
  Dice dice;
  Trouble trouble;
  Duration latency{};
  Duration hold{};
  std::vector<Node> nodes;

 private:
  static constexpr Duration kEnd = seconds{400};
  static constexpr std::uint64_t kMostEvents = 1'000'000;  // far more than any world needs
  static constexpr std::uint64_t kWallUs = 1'790'000'000'000'000;

  void draw() {
    constexpr std::size_t kSizes[] = {1, 3, 3, 5, 5, 5};
    nodes.resize(kSizes[dice.below(std::size(kSizes))]);
    clients_.reserve(2 + dice.below(dice.chance(0.1) ? 24 : 7));
    latency = dice.chance(0.5) ? dice.between(Duration{20'000}, Duration{200'000})
                               : dice.between(Duration{20'000}, Duration{20'000'000});
    hold = dice.chance(0.3) ? latency * 2 : dice.between(Duration{}, Duration{kTtl} * 2);
    const bool clean = dice.chance(0.4);
    trouble.waiters_die = dice.chance(0.5);
    trouble.holders_die = dice.chance(0.3);
    trouble.deleted_by_hand = dice.chance(0.3);
    if (!clean) {
      if (dice.chance(0.5)) trouble.loss = dice.between(0.01, 1);
      if (dice.chance(0.3)) trouble.late = dice.between(Duration{}, Duration{kTtl});
      if (dice.chance(0.3)) trouble.silent = dice.below(nodes.size() + 1);
      trouble.node_hangs = nodes.size() > 1 && dice.chance(0.3);
      trouble.subscriptions_break = dice.chance(0.3);
      trouble.waiters_stand_still = dice.chance(0.3);
    }
    for (std::size_t i = 0; i < trouble.silent; ++i) nodes[i].silent = true;
    say("world",
        fmt::format(
            "{} nodes, {} clients, latency {}, hold {}, loss {:.2f}, late {}, {} silent, hang {}, break "
            "{}, deaths {}/{}, still {}, by hand {}",
            nodes.size(), clients_.capacity(), describe(latency), describe(hold), trouble.loss,
            describe(trouble.late), trouble.silent, trouble.node_hangs, trouble.subscriptions_break,
            trouble.waiters_die, trouble.holders_die, trouble.waiters_stand_still, trouble.deleted_by_hand));
  }

  void plan_trouble() {
    const auto sometimes = [this](bool wanted, std::size_t most, auto accident) {
      for (std::size_t i = wanted ? 1 + dice.below(most) : 0; i > 0; --i) {
        queue.plan(
            Instant{dice.between(Duration{}, (hold + milliseconds{20}) * static_cast<int>(clients_.size()))},
            accident);
      }
    };
    sometimes(trouble.waiters_die, clients_.size(), [this] {
      const std::size_t index = dice.below(clients_.size());
      if (clients_[index]->waits()) died(index);
    });
    sometimes(trouble.waiters_stand_still, 3, [this] {
      Client& client = *clients_[dice.below(clients_.size())];
      if (!client.waits()) return;
      say(name(client.index_), "stands still");
      client.stand_still(true);
      queue.plan(queue.now() + dice.between(Duration{}, seconds{8}),
                 [&client] { client.stand_still(false); });
    });
    sometimes(trouble.node_hangs, 1, [this] { nodes.back().hangs = true; });
    sometimes(trouble.subscriptions_break, 5, [this] {
      const NodeIndex node = dice.below(nodes.size());
      say(fmt::format("node {}", node + 1), "closes its subscriptions");
      for (std::size_t i = 0; i < clients_.size(); ++i) {
        if (std::exchange(nodes[node].subscribed[i], Subscribed::Nothing) == Subscribed::Nothing) continue;
        Client& client = *clients_[i];
        in_order(told_, client, node, one_way(),
                 [&client, node] { client.hear([&client, node] { client.unsubscribed(node); }); });
      }
    });
    sometimes(trouble.deleted_by_hand, 3, [this] {
      say("somebody", "deletes the key by hand");
      for (NodeIndex i = 0; i < nodes.size(); ++i) {
        if (nodes[i].hangs || nodes[i].keys.holder(now_ms()) == nullptr) continue;
        nodes[i].keys.delete_key();
        changed(i);
      }
    });
  }

  std::int64_t now_ms() const { return std::chrono::floor<milliseconds>(now().time_since_epoch()).count(); }

  quorum::Reply execute(const Client& client, NodeIndex at, const quorum::Request& request) {
    Keyspace& keys = nodes[at].keys;
    const quorum::Reply reply =
        keys.execute(std::visit([](const auto& each) -> Command { return each; }, request), now_ms());
    const auto* acquire = std::get_if<quorum::AcquireRequest>(&request);
    if (acquire != nullptr && std::holds_alternative<quorum::Granted>(reply)) call_next(at);
    const auto* released = std::get_if<quorum::Released>(&reply);
    if (std::holds_alternative<quorum::Granted>(reply) || std::holds_alternative<quorum::Extended>(reply) ||
        (released != nullptr && released->was_ours)) {
      changed(at);
    }
    static_cast<void>(client);
    return reply;
  }

  void call_next(NodeIndex at) {
    std::uint64_t ahead = 0;
    for (const auto& [entry, life] : nodes[at].keys.waiters()) {
      for (const auto& client : clients_) {
        if (client->entry() == entry && nodes[at].subscribed[client->index_] != Subscribed::Nothing) {
          tell(*client, at, [ahead, at](Client& it) {
            it.world_.say(World::name(it.index_), fmt::format("is called to {} by node {}", ahead, at + 1));
            it.waiter_->on_called(it.world_.now(), at, ahead);
          });
        }
      }
      if (++ahead == 2) return;
    }
  }

  // The key has changed there.
  void changed(NodeIndex at) {
    for (const auto& client : clients_) {
      if (nodes[at].subscribed[client->index_] != Subscribed::Next) continue;
      tell(*client, at, [at](Client& it) {
        it.world_.say(World::name(it.index_), fmt::format("hears of a change from node {}", at + 1));
        it.waiter_->on_key_changed(it.world_.now(), at);
      });
    }
    const std::int64_t last_ms = nodes[at].keys.last_ms();
    if (nodes[at].keys.last_holder() != nullptr) {
      const Instant gone = when(TimePoint{milliseconds{last_ms + 1}});
      queue.plan(gone, [this] { note_free(); });
      queue.plan(gone + dice.between(Duration{}, kGreatestExpiryLag), [this, at, last_ms] {
        if (nodes[at].keys.last_holder() == nullptr || nodes[at].keys.last_ms() != last_ms) return;
        nodes[at].keys.delete_key();
        changed(at);
      });
    }
    note_free();
  }

  void tell(Client& client, NodeIndex from, std::function<void(Client&)> what) {
    if (dice.chance(trouble.loss))
      return say(name(client.index_), fmt::format("is not told by node {}", from + 1));
    in_order(told_, client, from, one_way() + dice.between(Duration{}, trouble.late),
             [&client, what] { client.hear([&client, what] { what(client); }); });
  }

  // ---- The checks

  bool free() const {
    std::size_t count = 0;
    for (const Node& node : nodes) count += !node.hangs && node.keys.holder(now_ms()) == nullptr ? 1 : 0;
    return count >= quorum::votes_needed(nodes.size());
  }

  void note_free() {
    if (!free()) {
      free_since_.reset();
      return;
    }
    if (free_since_) return;
    free_since_ = queue.now();
    const auto plan = [this](Duration after, bool orderly) {
      queue.plan(queue.now() + after, [this, since = queue.now(), orderly] {
        if (free_since_ == since && (!orderly || in_order())) check_free(orderly);
      });
    };
    if (trouble.reliable() && in_order()) plan(few_round_trips(), true);
    plan(two_polls(), false);
  }

  // Nobody has died, been passed over, or lost the position in a queue, since one was granted the lock.
  bool in_order() const {
    return std::all_of(dead_.begin(), dead_.end(), [](const auto& each) { return each.second; }) &&
           std::none_of(clients_.begin(), clients_.end(),
                        [](const auto& client) { return client->waits() && client->passed_; }) &&
           std::all_of(nodes.begin(), nodes.end(), [this](const Node& node) { return queue_is_right(node); });
  }

  // Those that wait stand in it, and no others. After votes were split it may be otherwise: a node that granted a client which
  // did not win has it in no queue, and one that refused the winner has it in its queue until it releases the lock.
  bool queue_is_right(const Node& node) const {
    return std::all_of(clients_.begin(), clients_.end(), [&node](const auto& client) {
      return !client->live() || client->waits() == node.keys.position(client->entry()).has_value();
    });
  }

  void check_free(bool orderly) {
    const std::string_view what = orderly ? "for several round trips" : "for two polls";
    const bool busy = std::any_of(clients_.begin(), clients_.end(),
                                  [](const auto& client) { return client->live() && !client->waits(); });
    for (const auto& client : clients_) {
      if (!client->waits() || client->waits_since() > *free_since_) continue;
      if (!busy) violated(fmt::format("the lock is free {}, and {} waits", what, name(client->index_)));
      if (!orderly && client->asked_at() < *free_since_)
        violated(fmt::format("{} sleeps past its poll", name(client->index_)));
    }
  }

  Duration slot() const {
    return std::clamp(latency * 15 / 4, Duration{milliseconds{8}}, Duration{milliseconds{250}});
  }
  Duration few_round_trips() const {
    Duration most = latency * 24 + milliseconds{3};
    if (trouble.holders_die || trouble.deleted_by_hand) most += kGreatestExpiryLag;
    return most;
  }
  Duration two_polls() const {
    const double fewer = std::max(1.0, 5.5 / static_cast<double>(nodes.size()));
    return times(seconds{4}, fewer) + slot() * static_cast<int>(clients_.size() + 2) + kProbeTimeout * 4 +
           latency * 30 + milliseconds{600};
  }

  [[noreturn]] void violated(const std::string& what) {
    say("VIOLATED", what);
    throw Violation{what};
  }

  using Ways = std::map<std::pair<std::size_t, NodeIndex>, Instant>;
  void in_order(Ways& ways, const Client& client, NodeIndex node, Duration delay,
                std::function<void()> then) {
    Instant& last = ways[{client.index_, node}];
    last = std::max(last + Duration{1}, queue.now() + delay);
    queue.plan(last, std::move(then));
  }

  std::string* trace_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::pair<std::size_t, bool>> dead_;  // waiters that died, and whether they were passed over
  std::optional<Instant> free_since_;
  Ways up_, down_, told_;
};

// ---- Clients

Client::Client(World& world, std::size_t index, std::size_t nodes)
    : world_{world},
      index_{index},
      dice_{world.dice.next()},
      membership_{nodes, Duration{}},
      entry_{.began_us = index + 1, .number = index},
      subscriptions_(nodes, Subscribed::Nothing) {
}

void Client::start() {
  attempt(false);
}

void Client::hear(std::function<void()> event) {
  if (dead_ || done_) return;
  if (stands_still_) {
    unheard_.push_back(std::move(event));
    return;
  }
  event();
  go_on();
}

void Client::stand_still(bool still) {
  stands_still_ = still;
  if (still) return;
  world_.say(World::name(index_), "goes on");
  waits_since_ = world_.queue.now();
  for (const auto& event : std::exchange(unheard_, {})) event();
  go_on();
}

void Client::attempt(bool in_turn) {
  waiting_ = passed_ = false;
  asked_at_ = world_.queue.now();
  world_.say(World::name(index_), in_turn ? "tries, in turn" : "tries");
  attempt_.emplace(quorum::AcquireRules{.ttl = kTtl,
                                        .node_timeout = kNodeTimeout,
                                        .least_validity = milliseconds{10},
                                        .waiter = entry_,
                                        .in_turn = in_turn},
                   membership_, ids_, dice_);
  attempt_began_ = world_.now();
  send(attempt_->start(world_.clocks()));
  judge();
}

void Client::send(const std::vector<quorum::Send>& sends) {
  for (const quorum::Send& each : sends) world_.request(*this, each);
}

void Client::judge() {
  if (dead_ || !attempt_ || waiting_ || holds_ || done_) return;
  if (!attempt_->verdict()) {
    arm(attempt_->deadline(), [this] {
      send(attempt_->on_time(world_.clocks()));
      judge();
    });
    return;
  }
  const quorum::AcquireVerdict verdict = *attempt_->verdict();
  world_.say(World::name(index_), describe(verdict));
  if (const auto* won = std::get_if<quorum::Won>(&verdict)) {
    token_ = won->token;
    return hold();
  }
  if (const auto* held = std::get_if<quorum::Held>(&verdict)) {
    round_trip_ = std::min(round_trip_, world_.now() - attempt_began_);
    if (!waiter_) waiter_.emplace(milliseconds{200}, membership_, dice_);
    waiting_ = true;
    waits_since_ = world_.queue.now();
    waiter_->on_held(world_.now(), *held, attempt_->votes(), round_trip_);
    return go_on();
  }
  arm(world_.now() + dice_.between(Duration{milliseconds{100}}, Duration{milliseconds{300}}),
      [this] { attempt(false); });
}

void Client::hold() {
  holds_ = true;
  for (Node& node : world_.nodes) node.subscribed[index_] = Subscribed::Nothing;
  world_.granted(*this);
  if (dead_) return;
  const TimePoint end = world_.now() + dice_.between(Duration{}, world_.hold);
  for (TimePoint at = world_.now() + kTtl / 3; at < end; at += kTtl / 3) {
    world_.queue.plan(world_.when(at), [this] {
      for (NodeIndex node = 0; !dead_ && node < subscriptions_.size(); ++node) {
        world_.request(*this,
                       {.node = node,
                        .id = ids_.next(),
                        .request =
                            quorum::ExtendRequest{
                                .token = token_, .ttl = kTtl, .fence = 0, .attempt = 1, .repair = false},
                        .deadline = world_.now() + kNodeTimeout});
      }
    });
  }
  world_.queue.plan(world_.when(end), [this] { release(); });
}

void Client::release() {
  if (dead_) return;
  world_.say(World::name(index_), "releases");
  for (NodeIndex node = 0; node < subscriptions_.size(); ++node) {
    world_.request(*this, {.node = node,
                           .id = ids_.next(),
                           .request = quorum::ReleaseRequest{.token = token_},
                           .deadline = world_.now() + kNodeTimeout});
    world_.leave_queue(*this, node);
  }
  done_ = true;
}

void Client::go_on() {
  if (!waiting_ || dead_ || stands_still_ || holds_) return;
  for (;;) {
    const auto action = waiter_->next(world_.now());
    if (const auto* attempting = std::get_if<quorum::Waiter::Try>(&action))
      return attempt(attempting->in_turn);
    const auto* asking = std::get_if<quorum::Waiter::Ask>(&action);
    if (asking == nullptr) break;
    asked_at_ = world_.queue.now();
    world_.probe(*this, *asking);
  }
  for (NodeIndex node = 0; node < subscriptions_.size(); ++node) {
    const Subscribed wanted = waiter_->wants(node);
    if (wanted == Subscribed::Nothing || wanted == subscriptions_[node]) continue;
    subscriptions_[node] = wanted;
    world_.subscribe(*this, node, wanted);
  }
  arm(waiter_->deadline(), [this] { go_on(); });
}

void Client::unsubscribed(NodeIndex node) {
  subscriptions_[node] = Subscribed::Nothing;
  if (waiter_) waiter_->on_unsubscribed(world_.now(), node, false);
}

void Client::arm(TimePoint at, std::function<void()> then) {
  const std::uint64_t number = ++armed_;
  if (at == TimePoint::max()) return;
  world_.queue.plan(std::max(world_.when(at), world_.queue.now()), [this, number, then] {
    if (number == armed_ && !dead_ && !done_ && !stands_still_) then();
  });
}

}  // namespace

std::string tell_waiting(std::uint64_t seed) {
  std::string trace;
  World world{seed, &trace};
  const auto violation = world.run();
  return trace + (violation ? "violation: " + *violation : "no violation") + "\n";
}

int run_waiting(const WaitingRun& run) {
  std::uint64_t events = 0;
  for (std::uint64_t number = 0; number < run.schedules; ++number) {
    const std::uint64_t seed = mix(run.seed) + number;
    World world{seed, nullptr};
    const auto violation = world.run();
    events += world.queue.executed();
    if (!violation) continue;
    if (run.expect_violation) {
      fmt::print("caught in schedule {}: {}\n", number + 1, *violation);
      return 0;
    }
    fmt::print("{}tell it again: redlock-sim --waiting --replay {}\n", tell_waiting(seed), seed);
    return 1;
  }
  fmt::print("{} schedules of waiting clients, seed {}: {:.1f} events each{}\n", run.schedules, run.seed,
             static_cast<double>(events) / static_cast<double>(run.schedules),
             run.expect_violation ? "; NOT caught" : "");
  return run.expect_violation ? 1 : 0;
}

}  // namespace redlock::sim
