#include "world.hpp"

#include "quorum/validity.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

// Far more than any world needs: what gets there goes round in circles.
constexpr std::uint64_t kMostEvents = 200'000;

// INFO tells an uptime by two readings in whole seconds, of which a client believes one less.
constexpr Duration kUptimeGrain = milliseconds{2100};

class World {
 public:
  World(const Request& request, const Scenario& scenario, std::string* trace)
      : setting_{scenario, mix(request.seed), trace}, referee_{setting_} {
    const Scenario& drawn = setting_.scenario;
    for (std::size_t i = 0; i < drawn.servers; ++i) {
      servers_.push_back(std::make_unique<Server>(setting_, referee_, i));
    }
    for (const std::size_t server : drawn.server_of) server_of_address_.push_back(servers_[server].get());
    referee_.begin({server_of_address_.begin(), server_of_address_.end()});
    for (std::size_t i = 0; i < drawn.contenders; ++i) add_contender(i, request.seed);
    for (std::size_t i = 0; i < drawn.foreigners; ++i) {
      processes_.push_back(std::make_unique<Foreigner>(
          setting_, referee_, fmt::format("other {}", i + 1), server_of_address_, drawn.attempts,
          mix(request.seed ^ (1000 + i)), setting_.dice.below(drawn.names)));
    }
    if (drawn.wiped_vote) {
      plan_wiped_vote();
      return;
    }
    if (drawn.unequal_ttls) {
      plan_unequal_ttls();
      return;
    }
    const std::size_t hands = has(drawn.faults, Fault::Hands) ? 1 + setting_.dice.below(2) : 0;
    for (std::size_t i = 0; i < hands; ++i) {
      processes_.push_back(std::make_unique<Hand>(setting_, referee_, fmt::format("hand {}", i + 1),
                                                  server_of_address_, contenders_));
    }
    for (const auto& process : processes_) {
      setting_.queue.plan(Instant{setting_.dice.between(Duration{}, drawn.spread)},
                          [client = process.get()] { client->start(); });
    }
    plan_accidents();
  }

  Result run() {
    Result result;
    try {
      while (setting_.queue.step()) {
        if (setting_.queue.executed() > kMostEvents) setting_.violated("it does not come to an end");
      }
      for (const Contender* contender : contenders_) {
        if (!contender->done() && !contender->dead()) {
          setting_.violated(fmt::format("{} waits for ever", contender->name()));
        }
      }
      check_served();
      referee_.final_whistle();
    } catch (const Violation& violation) {
      result.violation = violation.what;
    }
    result.events = setting_.queue.executed();
    result.grants = referee_.grants();
    for (const Contender* contender : contenders_) {
      for (const Attempted& attempt : contender->attempted()) {
        result.most_rounds = std::max(result.most_rounds, attempt.rounds);
        if (attempt.won) result.most_rounds_to_win = std::max(result.most_rounds_to_win, attempt.rounds);
        result.longest_attempt = std::max(result.longest_attempt, attempt.took);
      }
    }
    return result;
  }

 private:
  void add_contender(std::size_t index, std::uint64_t seed) {
    const Scenario& drawn = setting_.scenario;
    Dice& dice = setting_.dice;
    milliseconds ttl = drawn.one_ttl
                           ? drawn.ttl
                           : milliseconds{dice.between(quorum::kLeastTtl, drawn.ttl) / milliseconds{1}};
    if (drawn.unequal_ttls) ttl = index == 0 ? drawn.ttl : milliseconds{drawn.quarantine / milliseconds{1}};
    const Duration lead = drawn.wiped_vote ? Duration{ttl} / 50
                                           : dice.between(milliseconds{1}, quorum::greatest_kill_after(ttl));
    Habits habits{.ttl = ttl,
                  .node_timeout = std::min(drawn.node_timeout, Duration{ttl} / (drawn.short_rounds ? 3 : 1)),
                  .longest_round = drawn.node_timeout,
                  .lead = lead,
                  .max_rounds = 24,
                  .attempts = drawn.attempts,
                  .cycles = drawn.cycles,
                  .hold = drawn.hold,
                  .least_hold = drawn.wiped_vote ? drawn.hold : Duration{},
                  .by_hand = !drawn.wiped_vote && !drawn.unequal_ttls && dice.chance(0.3),
                  .polls = drawn.unequal_ttls};
    if (!drawn.wiped_vote && !drawn.unequal_ttls && dice.chance(0.3))
      habits.at_least = dice.between(Duration{}, Duration{drawn.ttl} * 3);
    Names names = drawn.draw_names(dice);
    // Others want one of the slots as the lock that it is, or two of them together.
    habits.slots = drawn.slots && mix(seed ^ ~index) % 4 != 0;
    if (habits.slots) {
      names.resize(drawn.names);
      std::iota(names.begin(), names.end(), 0);
    }
    auto contender =
        std::make_unique<Contender>(setting_, referee_, fmt::format("client {}", index + 1),
                                    server_of_address_, habits, mix(seed ^ (index + 1)), std::move(names));
    contenders_.push_back(contender.get());
    processes_.push_back(std::move(contender));
  }

  // What happens to servers and machines by itself, in the time in which there is something to disturb.
  void plan_accidents() {
    const Duration ttl = setting_.scenario.ttl;
    const Duration span = setting_.scenario.spread + ttl * 3;
    Dice& dice = setting_.dice;
    const auto some = [&](Fault fault, std::size_t most, auto&& accident) {
      if (!has(setting_.scenario.faults, fault)) return;
      const std::size_t count = 1 + dice.below(most);
      for (std::size_t i = 0; i < count; ++i) {
        setting_.queue.plan(Instant{dice.between(Duration{}, span)}, accident);
      }
    };
    some(Fault::Crashes, 3, [this] { crash(false); });
    some(Fault::Amnesia, 4, [this] { crash(true); });
    some(Fault::NodePauses, 3, [this] {
      any_server().pause(setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} * 3 / 2));
    });
    some(Fault::Cuts, 4, [this] { any_process().cut_link(setting_.dice.below(setting_.scenario.nodes)); });
    some(Fault::Outages, 4, [this] {
      const Duration length = setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} * 5 / 2);
      any_process().hold_back_link(setting_.dice.below(setting_.scenario.nodes),
                                   setting_.queue.now() + length);
    });
    some(Fault::Moves, 2, [this] { move_address(); });
    some(Fault::ClientPauses, 3, [this] {
      any_process().pause(setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} * 5 / 2), false);
    });
    some(Fault::Suspends, 3, [this] {
      any_process().pause(setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} * 2), true);
    });
    some(Fault::Deaths, 2, [this] { any_process().die(); });
    some(Fault::Deaths, 2, [this] { contenders_[setting_.dice.below(contenders_.size())]->interrupt(); });
    some(Fault::WallJumps, 4, [this] { any_process().jump_wall_clock(any_wall_clock()); });
    some(Fault::HandDeletes, 4, [this] {
      const std::size_t name = setting_.dice.below(setting_.scenario.names);
      if (setting_.dice.chance(0.5)) return any_server().delete_key(name);
      for (const auto& server : servers_) server->delete_key(name);
    });
    some(Fault::NodeJumps, 3, [this] {
      const milliseconds ttl_ms = setting_.scenario.ttl;
      const auto by = milliseconds{setting_.dice.between(Duration{}, ttl_ms * 4) / milliseconds{1}};
      any_server().jump_clock(setting_.dice.chance(0.5) ? by : -by);
    });
  }

  // One client's way to a server is laid anew, to another one of those that the list names: DNS, a moved address, a
  // balancer. Others may still reach the old one.
  void move_address() {
    const std::size_t address = setting_.dice.below(setting_.scenario.nodes);
    Server& to = any_server();
    // INFO tells uptimes to the second: of a server that is younger, nobody can say that it is not the former one,
    // restarted.
    if (to.identity().uptime < std::chrono::seconds{5}) return;
    if (setting_.dice.chance(0.5)) return any_process().lead_link_to(address, to);
    for (const auto& process : processes_) process->lead_link_to(address, to);
  }

  // The schedule of a contender that counts a vote which a crash has wiped out, in its bare bones, at random times: the
  // first client holds `kept` and `cut_off`, and loses sight of the latter; the second is granted `crashes`, stands still,
  // and is granted `cut_off` when the first client's key has expired there. Meanwhile `crashes` has come back empty, and
  // the first client has put it to use.
  void plan_wiped_vote() {
    const Scenario& drawn = setting_.scenario;
    Dice& dice = setting_.dice;
    const Duration ttl = drawn.ttl;
    const std::size_t spare = drawn.nodes - majority_of(drawn.nodes);
    const std::size_t crashes = dice.below(drawn.nodes);
    const Instant cut_at{dice.between(ttl, ttl * 2)};
    const Instant asks_at = cut_at + dice.between(ttl / 10, ttl * 6 / 10);
    const Instant crashes_at = asks_at + drawn.latency * 5 + dice.between(Duration{}, drawn.latency * 5);
    const Instant granted_at =
        std::max(cut_at + ttl * 95 / 100, asks_at) + dice.between(Duration{}, asks_at - cut_at);
    Contender& holder = *contenders_[0];
    Contender& rival = *contenders_[1];
    holder.hold_back_link(crashes, crashes_at + dice.between(Duration{}, ttl / 10));
    setting_.queue.plan(Instant{}, [&holder] { holder.start(); });
    for (std::size_t i = 1; i <= spare; ++i) {
      const std::size_t cut_off = (crashes + i) % drawn.nodes;
      setting_.queue.plan(
          cut_at, [&holder, cut_off, until = cut_at + ttl * 20] { holder.hold_back_link(cut_off, until); });
      setting_.queue.plan(asks_at + drawn.latency * 3 / 2,  // between connecting and asking
                          [&rival, cut_off, granted_at] { rival.hold_back_link(cut_off, granted_at); });
    }
    setting_.queue.plan(asks_at, [&rival] { rival.start(); });
    setting_.queue.plan(crashes_at, [this, crashes] {
      servers_[crashes]->crash(setting_.dice.between(Duration{}, setting_.scenario.latency * 4), true, false);
    });
    const Instant wakes_at = granted_at + dice.between(Duration{}, drawn.latency * 8);
    setting_.queue.plan(asks_at + drawn.latency * 3,
                        [this, &rival, wakes_at] { rival.pause(wakes_at - setting_.queue.now(), false); });
  }

  // The first client holds the lock with a long TTL, the second has a short one and a quarantine of as much. A majority
  // forgets the first, and has a vote for the second soon: what the others show must keep the second away, also when it
  // does not see them any more, and must not do so for longer than the first holds.
  void plan_unequal_ttls() {
    const Scenario& drawn = setting_.scenario;
    Dice& dice = setting_.dice;
    const Duration ttl = drawn.ttl;
    Contender& holder = *contenders_[0];
    Contender& rival = *contenders_[1];
    if (dice.chance(0.7)) {
      for (const auto& server : servers_) server->crash(Duration{1}, false, false);
    }
    const Instant starts{drawn.quarantine + kUptimeGrain};
    setting_.queue.plan(starts, [&holder] { holder.start(); });
    setting_.queue.plan(starts + ttl / 50, [&rival] { rival.start(); });

    setting_.queue.plan(starts + dice.between(ttl / 5, ttl * 3 / 2), [this] { forget_holder(); });
  }

  void forget_holder() {
    const Scenario& drawn = setting_.scenario;
    Dice& dice = setting_.dice;
    const Instant now = setting_.queue.now();
    Contender& holder = *contenders_[0];
    Contender& rival = *contenders_[1];
    // The rival has seen the last extension. What it cannot have seen, nothing protects.
    const Duration look = drawn.quarantine;
    if (holder.holds() && now - holder.last_asked() < look) {
      setting_.queue.plan(now + look, [this] { forget_holder(); });
      return;
    }
    const std::size_t first = dice.below(drawn.nodes);
    const bool holder_is_cut_off = dice.chance(0.7);
    const bool rival_is_cut_off = dice.chance(0.4);
    const Duration later = dice.chance(0.5) ? Duration{} : dice.between(Duration{}, std::chrono::seconds{2});
    const Instant mended_at = now + Duration{drawn.ttl} * 3;
    for (std::size_t i = 0; i < drawn.nodes; ++i) {
      const std::size_t node = (first + i) % drawn.nodes;
      if (i < majority_of(drawn.nodes)) {
        servers_[node]->crash(Duration{1}, true, false);
        if (holder_is_cut_off) holder.hold_back_link(node, mended_at);
      } else if (rival_is_cut_off) {
        setting_.queue.plan(now + later,
                            [&rival, node, mended_at] { rival.hold_back_link(node, mended_at); });
      }
    }
    if (!rival_is_cut_off) served_after_ = now + drawn.quarantine + kUptimeGrain;
  }

  // In a world of plan_unequal_ttls.
  void check_served() {
    if (!served_after_) return;
    const Instant free = std::max(*served_after_, contenders_[0]->released());
    const Instant won = contenders_[1]->attempted().back().decided;
    if (won > free + std::chrono::seconds{2}) setting_.violated("the lock was free and not to be had");
  }

  // Other libraries do not look at uptimes: with them, a node that forgot everything must stay away for as
  // long as the longest TTL ("Performance, crash recovery and fsync" of the Redis page).
  void crash(bool forgets) {
    const Duration ttl = setting_.scenario.ttl;
    Duration down =
        setting_.dice.between(setting_.scenario.latency, setting_.dice.chance(0.5) ? ttl / 10 : ttl);
    if (forgets && setting_.scenario.foreigners > 0) down += ttl * 11 / 10;
    Server& server = any_server();
    // INFO counts in whole seconds: what starts just before one looks a second old soon after.
    Duration wait{};
    if (setting_.dice.chance(0.5)) {
      const Duration just_before = setting_.dice.between(Duration{}, setting_.scenario.latency * 4);
      wait = std::max(server.until_full_second() - just_before - down, Duration{});
    }
    const bool silent = setting_.dice.chance(0.3);
    setting_.queue.plan(setting_.queue.now() + wait,
                        [&server, down, forgets, silent] { server.crash(down, forgets, silent); });
  }

  std::uint64_t any_wall_clock() {
    Dice& dice = setting_.dice;
    if (dice.chance(0.1)) return quorum::kMaxFence - dice.below(1'000'000);
    if (dice.chance(0.1)) return 0;
    return dice.below(4'000'000'000'000'000);  // up to the year 2096
  }

  Server& any_server() { return *servers_[setting_.dice.below(servers_.size())]; }
  Process& any_process() { return *processes_[setting_.dice.below(processes_.size())]; }

  Setting setting_;
  Referee referee_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<Server*> server_of_address_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<Contender*> contenders_;
  std::optional<Instant> served_after_;  // nodes vote for the second client by then
};

}  // namespace

Result run_world(const Request& request, std::string* trace) {
  Dice dice{request.seed ^ 0x5ce0a210U};
  const Scenario scenario = draw(request, dice);
  if (trace != nullptr) *trace += scenario.describe();
  World world{request, scenario, trace};
  return world.run();
}

}  // namespace redlock::sim
