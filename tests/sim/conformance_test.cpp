// Holds the simulated keys (keyspace.hpp) to what the scripts of redis/ do on a real redis-server: the same
// commands to both, one by one, at random; the answers and what is stored afterwards must agree.
#include "dice.hpp"
#include "keyspace.hpp"
#include "redis/keys.hpp"
#include "unit/redis_support.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>

using namespace redlock;
using namespace redlock::sim;
using std::chrono::milliseconds;

namespace {

constexpr std::array<std::string_view, 3> kTokens{"a", "b", "c"};
// Far enough apart to tell one from the other on a slow machine.
constexpr std::array kTtls{milliseconds{1'000'000}, milliseconds{2'000'000}, milliseconds{3'000'000}};
constexpr std::int64_t kSlack = 300'000;

// A real node and a simulated one that have been told the same.
class Pair {
 public:
  explicit Pair(test::RedisServer& server)
      : client_{server.client()}, node_{server.unix_endpoint(), keys_.lock} {
    client_.ask({"FLUSHALL"});
  }

  void tell(const Command& command) {
    INFO(command_name(command));
    const quorum::Reply simulated = simulated_.execute(command, now_ms_);
    const auto* foreign = std::get_if<ForeignSet>(&command);
    if (foreign != nullptr) {
      const std::string answer = client_.tell(
          {"SET", keys_.lock, foreign->token.value, "NX", "PX", std::to_string(foreign->ttl.count())});
      CHECK((answer == "OK") == std::holds_alternative<quorum::Granted>(simulated));
    } else {
      check_reply(ask(command), simulated);
    }
    check_state();
  }

  // All of the lock's keys but the counter reach the end of their TTL.
  void outlive() {
    client_.ask({"PEXPIRE", keys_.lock, "1"});
    client_.ask({"PEXPIRE", keys_.info, "1"});
    REQUIRE(test::eventually([&] { return client_.ask({"EXISTS", keys_.lock, keys_.info}).integer == 0; }));
    // The real server's clock cannot be put forward: its counter gets that much less to live.
    const std::int64_t skip = simulated_.last_holder() != nullptr
                                  ? std::max<std::int64_t>(simulated_.last_ms() + 1 - now_ms_, 0)
                                  : 0;
    now_ms_ += skip;
    // Nor can a note be kept from outliving what is put forward: both forget it.
    for (const std::string_view token : kTokens) client_.ask({"DEL", keys_.note(std::string{token})});
    client_.ask({"DEL", keys_.note("foreign")});
    simulated_.forget_notes();
    client_.ask({"DEL", keys_.queue});
    simulated_.forget_queue();
    const std::int64_t life = client_.ask({"PTTL", keys_.fence}).integer - skip;
    if (life > 0) client_.ask({"PEXPIRE", keys_.fence, std::to_string(life)});
    check_state();
  }

 private:
  static std::string command_name(const Command& command) {
    constexpr std::array kNames{"acquire", "confirm", "extend", "release", "SET NX"};
    return kNames.at(command.index());
  }

  quorum::Reply ask(const Command& command) {
    const redis::Event event = node_.ask(std::visit(
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

  static void check_reply(const quorum::Reply& real, const quorum::Reply& simulated) {
    REQUIRE(real.index() == simulated.index());
    if (const auto* granted = std::get_if<quorum::Granted>(&real)) {
      CHECK(granted->fence == std::get<quorum::Granted>(simulated).fence);
    } else if (const auto* refused = std::get_if<quorum::Refused>(&real)) {
      const auto& other = std::get<quorum::Refused>(simulated);
      CHECK(refused->holder == other.holder);
      CHECK(std::abs((refused->remaining - other.remaining).count()) < kSlack);
      CHECK(refused->holder_ttl == other.holder_ttl);
      REQUIRE(refused->position.has_value() == other.position.has_value());
      if (refused->position) {
        CHECK(refused->position->ahead == other.position->ahead);
        CHECK(refused->position->waiting == other.position->waiting);
      }
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

  void check_state() {
    const quorum::Token* holder = simulated_.holder(now_ms_);
    CHECK(client_.tell({"GET", keys_.lock}) == (holder != nullptr ? holder->value : "(nil)"));
    if (holder != nullptr) {
      CHECK(std::abs(client_.ask({"PTTL", keys_.lock}).integer - (simulated_.last_ms() - now_ms_)) < kSlack);
    } else {
      CHECK(client_.ask({"EXISTS", keys_.info}).integer == 0);
    }
    const quorum::Fence counter = simulated_.counter(now_ms_);
    CHECK(client_.tell({"GET", keys_.fence}) == (counter > 0 ? std::to_string(counter) : "(nil)"));
    if (counter > 0) {
      const std::int64_t left = simulated_.counter_last_ms() - now_ms_;
      CHECK(std::abs(client_.ask({"PTTL", keys_.fence}).integer - left) < kSlack);
    }
  }

  redis::LockKeys keys_{"conformance"};
  test::Client client_;
  test::Conversation node_;
  Keyspace simulated_;
  std::int64_t now_ms_ = 1'790'000'000'000;
};

Command any_command(Dice& dice) {
  const quorum::Token token{std::string{kTokens.at(dice.below(kTokens.size()))}};
  const milliseconds ttl = kTtls.at(dice.below(kTtls.size()));
  // Around each other, so that less, equal and more all occur; sometimes as large as they get.
  const quorum::Fence fence = dice.chance(0.05) ? quorum::kMaxFence - 1'000'000 : 1 + dice.below(20);
  switch (dice.below(6)) {
    case 0:
      return quorum::ConfirmRequest{
          .token = token, .fence = fence, .granted = dice.chance(0.5) ? 0 : 1 + dice.below(20)};
    case 1:
      return quorum::ReleaseRequest{
          .token = token, .note = dice.chance(0.5) ? ttl : milliseconds{}, .breaks = dice.chance(0.5)};
    case 2: return ForeignSet{.token = token, .ttl = ttl};
    case 3:
      return quorum::ExtendRequest{.token = token,
                                   .ttl = ttl,
                                   .fence = fence,
                                   .attempt = 1 + dice.below(5),
                                   .repair = dice.chance(0.7),
                                   .vouches = dice.chance(0.5) ? 0 : 1 + dice.below(20)};
    default: {
      quorum::AcquireRequest acquire{.token = token, .ttl = ttl, .proposal = fence};
      if (dice.chance(0.7)) acquire.waiter = {.began_us = 1 + dice.below(3), .number = dice.below(2)};
      acquire.in_turn = dice.chance(0.3);
      return acquire;
    }
  }
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
      pair.tell(command);
    }
  }
}
