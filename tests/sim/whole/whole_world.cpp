#include "whole/whole_world.hpp"

#include "quorum/validity.hpp"
#include "whole/accidents.hpp"
#include "whole/competitor.hpp"
#include "whole/foreign_client.hpp"
#include "whole/helping_hand.hpp"
#include "whole/liveness.hpp"
#include "whole/node_server.hpp"
#include "whole/subscription_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

// Far more than any world needs: what gets there goes round in circles.
constexpr std::uint64_t kMostEvents = 400'000;

const std::string kSlotted = "deploy";  // whose slots the names are, in a world that has slots

class WholeWorld {
 public:
  WholeWorld(const Request& request, const Scenario& scenario, std::string* trace)
      : setting_{scenario, mix(request.seed), trace}, referee_{setting_}, place_{draw_place()} {
    const Scenario& drawn = setting_.scenario;
    for (std::size_t i = 0; i < drawn.servers; ++i) {
      nodes_.push_back(std::make_unique<NodeServer>(setting_, referee_, place_, i));
    }
    for (const std::size_t node : drawn.server_of) node_of_address_.push_back(nodes_[node].get());
    referee_.begin({node_of_address_.begin(), node_of_address_.end()});
    by_name_ = setting_.dice.chance(0.5);
    tls_ = setting_.dice.chance(0.2);
    crowded_ = setting_.dice.chance(0.25);
    for (std::size_t i = 0; i < drawn.contenders; ++i) add_competitor(i, request.seed);
    if (has(drawn.faults, Fault::Hands)) add_hands(request.seed);
    for (std::size_t i = 0; i < drawn.foreigners; ++i) add_foreign_client(i, request.seed);
    for (const auto& node : nodes_) node->set_on_change([this] { liveness_.look(); });
    plan_accidents(setting_, nodes_, programs_, competitors_);
  }

  Result run() {
    Result result;
    try {
      while (setting_.queue.step()) {
        if (setting_.queue.executed() > kMostEvents) setting_.violated("it does not come to an end");
      }
      for (const Program* program : programs_) {
        if (!program->ended() && !program->dead()) {
          setting_.violated(fmt::format("{} waits for ever", program->name()));
        }
      }
      for (const auto& competitor : competitors_) competitor->witness().excuse();
      referee_.final_whistle();
    } catch (const Violation& violation) {
      result.violation = violation.what;
    }
    result.events = setting_.queue.executed();
    result.grants = referee_.grants();
    return result;
  }

 private:
  LockPlace draw_place() {
    Dice& dice = setting_.dice;
    std::vector<std::string> keys{"deploy", "jobs:nightly backup", "deploy again"};
    if (dice.chance(0.5)) std::swap(keys[0], keys[1]);
    keys.resize(setting_.scenario.names);
    for (std::size_t i = 0; setting_.scenario.slots && i < keys.size(); ++i)
      keys[i] = redis::slot_name(kSlotted, i + 1);
    return {.keys = std::move(keys),
            .db = dice.chance(0.3) ? 3U : 0U,
            .password = dice.chance(0.3) ? "secret" : ""};
  }

  LockSettings settings(milliseconds ttl) {
    const Scenario& drawn = setting_.scenario;
    LockSettings settings{
        .nodes = {},
        .keys = {},
        .ttl = ttl,
        .node_timeout = std::min(drawn.node_timeout, Duration{ttl} / (drawn.short_rounds ? 3 : 1)),
        .common_node_timeout = drawn.node_timeout,
        .quarantine = drawn.quarantine,
        .lead = setting_.dice.between(milliseconds{1}, quorum::greatest_kill_after(ttl))};
    for (std::size_t address = 0; address < drawn.nodes; ++address) {
      redis::NodeEndpoint endpoint;
      static_cast<net::Endpoint&>(endpoint) = endpoint_of(address, by_name_);
      if (tls_) endpoint.transport = net::Endpoint::Transport::Tls;
      endpoint.db = place_.db;
      endpoint.password = Secret{std::string{place_.password}};
      settings.nodes.push_back(std::move(endpoint));
    }
    for (const std::size_t name : drawn.draw_names(setting_.dice)) settings.keys.push_back(place_.keys[name]);
    return settings;
  }

  void add_competitor(std::size_t index, std::uint64_t seed) {
    const Scenario& drawn = setting_.scenario;
    Dice& dice = setting_.dice;
    const milliseconds ttl = drawn.one_ttl
                                 ? drawn.ttl
                                 : milliseconds{dice.between(quorum::kLeastTtl, drawn.ttl) / milliseconds{1}};
    WholeHabits habits{.settings = settings(ttl),
                       .nonblock = dice.chance(0.4),
                       .wait = dice.between(Duration{}, Duration{drawn.ttl} * 6),
                       .retry_delay = dice.between(Duration{ttl} / 20, Duration{ttl} / 2),
                       .attempts = drawn.attempts,
                       .cycles = drawn.cycles,
                       .hold = drawn.hold,
                       .by_hand = dice.chance(0.25)};
    if (dice.chance(0.3)) habits.at_least = dice.between(Duration{}, Duration{drawn.ttl} * 3);
    // Others want one of the slots as the lock that it is, or several of them together.
    if (drawn.slots && mix(seed ^ ~index) % 4 != 0) {
      habits.settings.keys = {kSlotted};
      habits.settings.slots = drawn.names;
    }
    if (crowded_) {
      habits.nonblock = false;
      habits.attempts = 2;
      habits.wait = Duration{drawn.ttl} * 8;
      habits.hold = Duration{drawn.ttl} * 2;
    }
    competitors_.push_back(std::make_unique<Competitor>(setting_, referee_,
                                                        fmt::format("client {}", index + 1), node_of_address_,
                                                        std::move(habits), mix(seed ^ (index + 1))));
    Competitor* const competitor = competitors_.back().get();
    programs_.push_back(&competitor->program());
    setting_.queue.plan(Instant{dice.between(Duration{}, drawn.spread)},
                        [competitor] { competitor->start(); });
  }

  void add_hands(std::uint64_t seed) {
    const std::size_t count = 1 + setting_.dice.below(2);
    for (std::size_t i = 0; i < count; ++i) {
      hands_.push_back(std::make_unique<HelpingHand>(setting_, referee_, fmt::format("hand {}", i + 1),
                                                     node_of_address_, settings(setting_.scenario.ttl),
                                                     competitors_, place_.keys, mix(seed ^ (1000 + i))));
      HelpingHand* const hand = hands_.back().get();
      programs_.push_back(&hand->program());
      setting_.queue.plan(Instant{setting_.dice.between(Duration{}, setting_.scenario.spread)},
                          [hand] { hand->start(); });
    }
  }

  void add_foreign_client(std::size_t index, std::uint64_t seed) {
    foreign_clients_.push_back(std::make_unique<ForeignClient>(
        setting_, referee_, fmt::format("other {}", index + 1), node_of_address_,
        setting_.dice.below(setting_.scenario.names), mix(seed ^ (2000 + index))));
    ForeignClient* const client = foreign_clients_.back().get();
    setting_.queue.plan(Instant{setting_.dice.between(Duration{}, setting_.scenario.spread)},
                        [client] { client->ask(); });
  }

  Setting setting_;
  Referee referee_;
  LockPlace place_;
  bool by_name_ = false;
  bool tls_ = false;
  bool crowded_ = false;  // all want it at about the same time, wait for it, and keep it for long
  std::vector<std::unique_ptr<NodeServer>> nodes_;
  std::vector<NodeServer*> node_of_address_;
  std::vector<std::unique_ptr<Competitor>> competitors_;
  std::vector<std::unique_ptr<HelpingHand>> hands_;
  std::vector<std::unique_ptr<ForeignClient>> foreign_clients_;
  std::vector<Program*> programs_;
  Liveness liveness_{setting_, nodes_, competitors_};
  SubscriptionCheck subscription_check_{setting_, competitors_};
};

}  // namespace

Result run_whole_world(const Request& request, std::string* trace) {
  Dice dice{request.seed ^ 0x5ce0a211U};
  const Scenario scenario = draw(request, dice);
  if (trace != nullptr) *trace += scenario.describe();
  WholeWorld world{request, scenario, trace};
  return world.run();
}

}  // namespace redlock::sim
