// Holds the simulated keys (keyspace.hpp) to what the scripts of redis/ do on a real redis-server: the same
// commands to both, one by one, at random; the answers and what is stored afterwards must agree.
#include "base/overload.hpp"
#include "dice.hpp"
#include "keyspace.hpp"
#include "redis/keys.hpp"
#include "unit/redis_support.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using namespace redlock;
using namespace redlock::sim;
using std::chrono::milliseconds;

namespace {

constexpr std::array<std::string_view, 3> kTokens{"a", "b", "c"};
// Far enough apart to tell one from the other on a slow machine.
constexpr std::array kTtls{milliseconds{1'000'000}, milliseconds{2'000'000}, milliseconds{3'000'000}};
constexpr std::int64_t kSlack = 300'000;

const std::string kLock = "conformance";
const std::vector<std::string> kNames{redis::slot_name(kLock, 1), redis::slot_name(kLock, 2)};

// Each lock that these names make; the last has them as its slots.
const std::array<Names, 5> kLocks{Names{0}, Names{1}, Names{0, 1}, Names{1, 0}, Names{0, 1}};
constexpr std::size_t kOfSlots = 4;

std::vector<std::string> names_of(const Names& lock) {
  std::vector<std::string> names;
  for (const std::size_t name : lock) names.push_back(kNames[name]);
  return names;
}

// A real node and a simulated one that have been told the same.
class Pair {
 public:
  explicit Pair(test::RedisServer& server) : client_{server.client()} {
    client_.ask({"FLUSHALL"});
    for (const Names& lock : kLocks)
      nodes_.push_back(std::make_unique<test::Conversation>(server.unix_endpoint(), names_of(lock)));
    nodes_.back() = std::make_unique<test::Conversation>(server.unix_endpoint(), kLock, kNames.size());
  }

  void tell(std::size_t lock, const Command& command) {
    INFO(command_name(command));
    const Names& names = kLocks.at(lock);
    const quorum::Reply simulated = simulated_.execute(command, names, now_ms_);
    const auto* foreign = std::get_if<ForeignSet>(&command);
    if (foreign != nullptr) {
      const std::string answer = client_.tell({"SET", kNames[names.front()], foreign->token.value, "NX", "PX",
                                               std::to_string(foreign->ttl.count())});
      CHECK((answer == "OK") == std::holds_alternative<quorum::Granted>(simulated));
    } else {
      check_reply(ask(lock, command), simulated);
    }
    keep_bars();
    for (std::size_t name = 0; name < kNames.size(); ++name) check_state(name);
  }

  // All of the names' keys but the counter reach the end of their TTL.
  void outlive() {
    std::int64_t skip = 0;
    for (std::size_t name = 0; name < kNames.size(); ++name) {
      const redis::LockKeys keys{kNames[name]};
      client_.ask({"PEXPIRE", keys.lock, "1"});
      client_.ask({"PEXPIRE", keys.info, "1"});
      REQUIRE(test::eventually([&] { return client_.ask({"EXISTS", keys.lock, keys.info}).integer == 0; }));
      NameKeys& simulated = simulated_.of(name);
      // Nor can a note be kept from outliving what is put forward: both forget it.
      for (const std::string_view token : kTokens) client_.ask({"DEL", keys.note(std::string{token})});
      client_.ask({"DEL", keys.note("foreign")});
      simulated.forget_notes();
      client_.ask({"DEL", keys.queue});
      client_.ask({"DEL", keys.bar});
      simulated.forget_queue();
      const redis::LockKeys of_slots{kLock, 1};
      client_.ask({"DEL", of_slots.queue});
      client_.ask({"DEL", of_slots.bar});
      simulated_.of_slots().forget_queue();
      if (simulated.last_holder() != nullptr) skip = std::max(skip, simulated.last_ms() + 1 - now_ms_);
    }
    // The real server's clock cannot be put forward: its counters get that much less to live.
    now_ms_ += skip;
    for (std::size_t name = 0; name < kNames.size(); ++name) {
      const redis::LockKeys keys{kNames[name]};
      const std::int64_t life = client_.ask({"PTTL", keys.fence}).integer - skip;
      if (life > 0) client_.ask({"PEXPIRE", keys.fence, std::to_string(life)});
      check_state(name);
    }
  }

 private:
  // For as long as time stands still for the simulated keys: a bar lives three seconds, and a slow machine may take them.
  void keep_bars() {
    for (const std::string& name : kNames) client_.ask({"PEXPIRE", redis::LockKeys{name}.bar, "60000"});
    client_.ask({"PEXPIRE", redis::LockKeys{kLock, 1}.bar, "60000"});
  }

  static std::string command_name(const Command& command) {
    constexpr std::array kCommands{"acquire", "probe", "confirm", "extend", "release", "SET NX"};
    return kCommands.at(command.index());
  }

  quorum::Reply ask(std::size_t lock, const Command& command) {
    const redis::Event event = nodes_[lock]->ask(std::visit(
        [](const auto& request) -> quorum::Request {
          if constexpr (std::is_same_v<std::decay_t<decltype(request)>, ForeignSet>) {
            std::abort();
          } else {
            return request;
          }
        },
        command));
    const auto* reply = std::get_if<quorum::Reply>(&event.what);
    REQUIRE(reply != nullptr);
    return *reply;
  }

  static void check_position(const std::optional<quorum::QueuePosition>& real,
                             const std::optional<quorum::QueuePosition>& simulated) {
    REQUIRE(real.has_value() == simulated.has_value());
    if (!real) return;
    CHECK(real->ahead == simulated->ahead);
    CHECK(real->waiting == simulated->waiting);
  }

  static void check_refusal(const quorum::Refused& real, const quorum::Refused& simulated) {
    CHECK(real.name == simulated.name);
    CHECK(real.barred == simulated.barred);
    if (!real.barred) CHECK(real.holder == simulated.holder);
    CHECK(std::abs((real.remaining - simulated.remaining).count()) < kSlack);
    CHECK(real.holder_ttl == simulated.holder_ttl);
    CHECK(real.info.resting.has_value() == simulated.info.resting.has_value());
    check_position(real.position, simulated.position);
    REQUIRE(real.others.size() == simulated.others.size());
    for (std::size_t i = 0; i < real.others.size(); ++i) check_refusal(real.others[i], simulated.others[i]);
    check_slots(real.slots, simulated.slots);
  }

  static void check_slots(const std::vector<quorum::Refused>& real,
                          const std::vector<quorum::Refused>& simulated) {
    REQUIRE(real.size() == simulated.size());
    for (std::size_t i = 0; i < real.size(); ++i) check_refusal(real[i], simulated[i]);
  }

  static void check_reply(const quorum::Reply& real, const quorum::Reply& simulated) {
    REQUIRE(real.index() == simulated.index());
    if (const auto* granted = std::get_if<quorum::Granted>(&real)) {
      CHECK(granted->fence == std::get<quorum::Granted>(simulated).fence);
      check_slots(granted->slots, std::get<quorum::Granted>(simulated).slots);
      CHECK(granted->already_there == std::get<quorum::Granted>(simulated).already_there);
    } else if (const auto* refused = std::get_if<quorum::Refused>(&real)) {
      check_refusal(*refused, std::get<quorum::Refused>(simulated));
    } else if (const auto* free = std::get_if<quorum::Free>(&real)) {
      check_position(free->position, std::get<quorum::Free>(simulated).position);
      check_slots(free->slots, std::get<quorum::Free>(simulated).slots);
    } else if (const auto* confirmed = std::get_if<quorum::Confirmed>(&real)) {
      CHECK(confirmed->accepted == std::get<quorum::Confirmed>(simulated).accepted);
    } else if (const auto* extended = std::get_if<quorum::Extended>(&real)) {
      CHECK(extended->set_by == std::get<quorum::Extended>(simulated).set_by);
      CHECK(extended->counter == std::get<quorum::Extended>(simulated).counter);
      CHECK(extended->fence == std::get<quorum::Extended>(simulated).fence);
    } else if (const auto* restored = std::get_if<quorum::Restored>(&real)) {
      CHECK(restored->counter == std::get<quorum::Restored>(simulated).counter);
    } else if (const auto* others = std::get_if<quorum::NotOurs>(&real)) {
      CHECK(others->holder == std::get<quorum::NotOurs>(simulated).holder);
      CHECK(others->released == std::get<quorum::NotOurs>(simulated).released);
      CHECK(others->broken == std::get<quorum::NotOurs>(simulated).broken);
    } else if (const auto* released = std::get_if<quorum::Released>(&real)) {
      CHECK(released->was_ours == std::get<quorum::Released>(simulated).was_ours);
      CHECK(released->held_by_other == std::get<quorum::Released>(simulated).held_by_other);
    }
  }

  void check_state(std::size_t name) {
    const redis::LockKeys keys{kNames[name]};
    const NameKeys& simulated = simulated_.of(name);
    const quorum::Token* holder = simulated.holder(now_ms_);
    CHECK(client_.tell({"GET", keys.lock}) == (holder != nullptr ? holder->value : "(nil)"));
    if (holder != nullptr) {
      CHECK(std::abs(client_.ask({"PTTL", keys.lock}).integer - (simulated.last_ms() - now_ms_)) < kSlack);
    } else {
      CHECK(client_.ask({"EXISTS", keys.info}).integer == 0);
    }
    const quorum::Fence counter = simulated.counter(now_ms_);
    CHECK(client_.tell({"GET", keys.fence}) == (counter > 0 ? std::to_string(counter) : "(nil)"));
    if (counter > 0) {
      const std::int64_t left = simulated.counter_last_ms() - now_ms_;
      CHECK(std::abs(client_.ask({"PTTL", keys.fence}).integer - left) < kSlack);
    }
  }

  test::Client client_;
  std::vector<std::unique_ptr<test::Conversation>> nodes_;  // by lock
  Keyspace simulated_{kNames.size()};
  std::int64_t now_ms_ = 1'790'000'000'000;
};

Command any_command(Dice& dice) {
  const quorum::Token token{std::string{kTokens.at(dice.below(kTokens.size()))}};
  const milliseconds ttl = kTtls.at(dice.below(kTtls.size()));
  // Around each other, so that less, equal and more all occur; sometimes as large as they get.
  const quorum::Fence fence = dice.chance(0.05) ? quorum::kMaxFence - 1'000'000 : 1 + dice.below(20);
  switch (dice.below(7)) {
    case 0:
      return quorum::ConfirmRequest{
          .token = token, .fence = fence, .granted = dice.chance(0.5) ? 0 : 1 + dice.below(20)};
    case 1: {
      quorum::ReleaseRequest release{
          .token = token, .note = dice.chance(0.5) ? ttl : milliseconds{}, .breaks = dice.chance(0.5)};
      if (dice.chance(0.4)) release.rest = quorum::Rest{.length = kTtls.at(dice.below(kTtls.size())) / 2};
      return release;
    }
    case 2: return ForeignSet{.token = token, .ttl = ttl};
    case 3: {
      const bool asks = dice.chance(0.3);
      return quorum::ExtendRequest{.token = token,
                                   .ttl = ttl,
                                   .fence = asks ? 0 : fence,
                                   .attempt = 1 + dice.below(5),
                                   .repair = !asks && dice.chance(0.7),
                                   .vouches = dice.chance(0.5) ? 0 : 1 + dice.below(20)};
    }
    case 4: {
      quorum::ProbeRequest probe{.token = token};
      if (dice.chance(0.7)) probe.waiter = {.began_us = 1 + dice.below(3), .number = dice.below(2)};
      return probe;
    }
    default: {
      quorum::AcquireRequest acquire{.token = token, .ttl = ttl, .proposal = fence};
      if (dice.chance(0.7)) acquire.waiter = {.began_us = 1 + dice.below(3), .number = dice.below(2)};
      acquire.in_turn = dice.chance(0.3);
      acquire.bars = dice.chance(0.3);
      return acquire;
    }
  }
}

Command of_slot(Command command, Dice& dice) {
  std::visit(Overload{[](quorum::ProbeRequest& probe) { probe.slots = true; }, [](ForeignSet&) {},
                      [&](auto& other) { other.slot = 1 + dice.below(kNames.size()); }},
             command);
  return command;
}

}  // namespace

TEST_CASE("simulated keys and the scripts on a real server do the same, command by command") {
  const auto server = test::RedisServer::start();
  if (!server) return;
  const quorum::Token foreign{"foreign"};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Dice dice{seed};
    Pair pair{*server};
    for (int step = 0; step < 60; ++step) {
      CAPTURE(step);
      if (dice.chance(0.07)) pair.outlive();
      Command command = any_command(dice);
      if (auto* set = std::get_if<ForeignSet>(&command)) set->token = foreign;
      if (auto* release = std::get_if<quorum::ReleaseRequest>(&command);
          release != nullptr && dice.chance(0.3)) {
        release->token = foreign;  // which is what another library's release does
      }
      const std::size_t lock = dice.below(kLocks.size());
      pair.tell(lock, lock == kOfSlots ? of_slot(command, dice) : command);
    }
  }
}
