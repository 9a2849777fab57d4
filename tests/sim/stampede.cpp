#include "stampede.hpp"

#include "describe.hpp"
#include "quorum/validity.hpp"
#include "world.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <string_view>
#include <thread>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

struct Case {
  std::string_view name;
  std::size_t nodes = 5;
  std::size_t clients = 50;
  std::size_t dead_nodes = 0;   // that do not answer at all
  std::size_t names = 1;        // several: each client wants two of them, which are a circle
  bool slots = false;           // they are slots, of which each client wants any
  milliseconds stagger{0};      // clients start within this
  bool dead_contender = false;  // one client takes a vote or two and is never heard of again
  unsigned max_rounds = 24;
  double most_p99 = 0;  // round trips until the winner is known; 0: it is not held to any, nor to one winner
};

// The first is the one that the rule was made for; "plain" is Redlock without it.
constexpr std::array kCases{
    Case{.name = "50 clients", .most_p99 = 6},
    Case{.name = "50 clients, plain Redlock", .max_rounds = 1},
    Case{.name = "2 clients", .clients = 2, .most_p99 = 6},
    Case{.name = "2 clients, plain Redlock", .clients = 2, .max_rounds = 1},
    Case{.name = "10 clients", .clients = 10, .most_p99 = 6},
    Case{.name = "200 clients", .clients = 200},
    Case{.name = "50 clients, 3 nodes", .nodes = 3},
    Case{.name = "50 clients, within 30 ms", .stagger = milliseconds{30}},
    Case{.name = "50 clients, 1 dead node", .dead_nodes = 1},
    Case{.name = "50 clients, 2 dead nodes", .dead_nodes = 2, .most_p99 = 10},
    Case{.name = "50 clients, 1 died with votes", .dead_contender = true, .most_p99 = 10},
    Case{.name = "50 clients, 2 of 3 names", .names = 3, .most_p99 = 8},
    Case{.name = "50 clients, 2 of 3 names, 2 dead", .dead_nodes = 2, .names = 3, .most_p99 = 12},
    Case{.name = "30 clients, 5 slots", .clients = 30, .names = 5, .slots = true, .most_p99 = 6},
    Case{.name = "50 clients, 10 slots", .names = 10, .slots = true, .most_p99 = 6.5},
    Case{.name = "10 clients, 10 slots", .clients = 10, .names = 10, .slots = true, .most_p99 = 6.6},
    Case{.name = "3 clients, 5 slots", .clients = 3, .names = 5, .slots = true, .most_p99 = 4.6},
    Case{.name = "50 clients, 1 slot", .names = 1, .slots = true, .most_p99 = 6},
    Case{.name = "50 clients, 5 slots, 2 dead nodes",
         .dead_nodes = 2,
         .names = 5,
         .slots = true,
         .most_p99 = 12},
};

constexpr Duration kRoundTrip = milliseconds{20};

struct Count {
  std::uint64_t none =
      0;  // rounds with fewer winners than there should be: one, or as many as there are slots
  std::uint64_t one = 0;  // with so many
  std::uint64_t more = 0;
  std::vector<double> known_after;  // round trips
  std::uint64_t divided = 0;        // verdicts
};

Scenario scenario_of(const Case& what) {
  Scenario world{};
  world.nodes = what.nodes;
  world.servers = what.nodes;
  for (std::size_t i = 0; i < what.nodes; ++i) world.server_of.push_back(i);
  world.names = what.names;
  world.contenders = what.clients;
  world.inside_model = true;
  world.ttl = std::chrono::seconds{30};
  world.one_ttl = true;
  world.node_timeout = std::chrono::seconds{1};
  world.quarantine = world.ttl;
  world.latency = milliseconds{10};  // uniform from 5 to 15 ms (Setting::latency)
  return world;
}

Names names_of(const Case& what, std::size_t client) {
  Names names;
  for (std::size_t name = 0; what.slots && name < what.names; ++name) names.push_back(name);
  if (!names.empty()) return names;
  return what.names == 1 ? Names{0} : Names{client % what.names, (client + 1) % what.names};
}

void run_round(const Case& what, std::uint64_t seed, Count& count) {
  const Scenario scenario = scenario_of(what);
  Setting setting{scenario, seed, nullptr};
  Referee referee{setting};
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<Server*> server_of_address;
  for (std::size_t i = 0; i < what.nodes; ++i) {
    servers.push_back(std::make_unique<Server>(setting, referee, i));
    server_of_address.push_back(servers.back().get());
  }
  referee.begin({server_of_address.begin(), server_of_address.end()});
  for (std::size_t i = 0; i < what.dead_nodes; ++i) servers[i]->crash(std::chrono::hours{1}, false, true);
  const Habits habits{.ttl = scenario.ttl,
                      .node_timeout = scenario.node_timeout,
                      .longest_round = scenario.node_timeout,
                      .lead = std::chrono::seconds{5},
                      .max_rounds = what.max_rounds,
                      .attempts = 1,
                      .cycles = 1,
                      .hold = Duration::zero(),
                      .least_hold = std::chrono::seconds{what.slots ? 5 : 1},
                      .slots = what.slots};
  std::vector<std::unique_ptr<Contender>> clients;
  for (std::size_t i = 0; i < what.clients; ++i) {
    clients.push_back(std::make_unique<Contender>(setting, referee, fmt::format("client {}", i + 1),
                                                  server_of_address, habits, mix(seed ^ (i + 1)),
                                                  names_of(what, i)));
    setting.queue.plan(Instant{setting.dice.between(Duration{}, what.stagger)},
                       [client = clients.back().get()] { client->start(); });
  }
  if (what.dead_contender) {
    // After its requests are written (connect: 10 to 30 ms) and before it can give anything back.
    setting.queue.plan(Instant{milliseconds{22}}, [&] { clients.front()->die(); });
  }
  while (setting.queue.step() && setting.queue.now() < Instant{std::chrono::minutes{2}}) {
  }

  std::size_t winners = 0;
  for (const auto& client : clients) {
    for (std::size_t i = 0; i < client->attempted().size(); ++i) {
      if (std::holds_alternative<quorum::Split>(client->verdicts()[i])) ++count.divided;
      if (!client->attempted()[i].won) continue;
      ++winners;
      count.known_after.push_back(std::chrono::duration<double>{client->attempted()[i].took} /
                                  std::chrono::duration<double>{kRoundTrip});
    }
  }
  const std::size_t wanted = what.slots ? std::min(what.clients, what.names) : 1;
  ++(winners < wanted ? count.none : winners == wanted ? count.one : count.more);
}

Count run_case(const Case& what, std::uint64_t seed, std::uint64_t rounds, unsigned threads) {
  std::atomic<std::uint64_t> next{0};
  std::mutex adding;
  Count sum;
  const auto work = [&] {
    Count own;
    for (std::uint64_t round = next++; round < rounds; round = next++)
      run_round(what, mix(mix(seed) + round), own);
    const std::lock_guard guard{adding};
    sum.none += own.none;
    sum.one += own.one;
    sum.more += own.more;
    sum.divided += own.divided;
    sum.known_after.insert(sum.known_after.end(), own.known_after.begin(), own.known_after.end());
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  std::sort(sum.known_after.begin(), sum.known_after.end());
  return sum;
}

double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

bool run_stampedes(std::uint64_t seed, std::uint64_t rounds, unsigned threads) {
  fmt::print(
      "{} rounds each, one way 5-15 ms, a winner holds for 1 s, or 5 s; times in round trips of 20 ms,\n"
      "winners: one, or as many as there are slots, or fewer or more;\n"
      "the connect included, which takes one\n",
      rounds);
  fmt::print("{:<34} {:>8} {:>8} {:>8} {:>6} {:>6} {:>6} {:>6} {:>10}\n", "", "fewer", "right", "more", "p50",
             "p90", "p99", "max", "gave up");
  bool held = true;
  for (const Case& what : kCases) {
    const Count count = run_case(what, seed, rounds, threads);
    const double p99 = quantile(count.known_after, 0.99);
    fmt::print("{:<34} {:>8} {:>8} {:>8} {:>6.1f} {:>6.1f} {:>6.1f} {:>6.1f} {:>10}\n", what.name, count.none,
               count.one, count.more, quantile(count.known_after, 0.5), quantile(count.known_after, 0.9), p99,
               quantile(count.known_after, 1), count.divided);
    std::fflush(stdout);
    if (what.most_p99 > 0 && (count.one != rounds || count.divided > 0 || p99 > what.most_p99)) held = false;
  }
  return held;
}

}  // namespace redlock::sim
