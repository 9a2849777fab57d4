// Holds the simulated node (redis_node.hpp) to a real redis-server, byte by byte: the same requests to both, as the program
// writes them, at random and in odd states; what comes back must be the same, and so must the keys afterwards.
#include "base/overload.hpp"
#include "dice.hpp"
#include "redis/info.hpp"
#include "redis/look.hpp"
#include "redis/queue.hpp"
#include "redis/scripts.hpp"
#include "redis/server_report.hpp"
#include "redis/session_setup.hpp"
#include "whole/two_servers.hpp"

#include <array>

using namespace redlock;
using namespace redlock::sim;
using std::chrono::milliseconds;

namespace {

const std::string kKey = "deploy";
// One name, and several: of which one begins with the other, so that it is told of with that.
const std::vector<redis::LockKeys> kOne{redis::LockKeys{kKey}};
const std::vector<redis::LockKeys> kBoth{redis::LockKeys{kKey}, redis::LockKeys{"deploy again"}};
const std::vector<redis::LockKeys> kSlots{{kKey, 1}, {kKey, 2}};
constexpr std::array<std::string_view, 3> kTokens{"a", "b", "c"};
constexpr std::array kTtls{milliseconds{1'000'000}, milliseconds{2'000'000}, milliseconds{3'000'000}};

quorum::QueueEntry any_waiter(Dice& dice) {
  return {.began_us = 1'790'000'000'000'000 + dice.below(4), .number = dice.below(2)};
}

quorum::Request any_request(Dice& dice) {
  const quorum::Token token{std::string{kTokens.at(dice.below(kTokens.size()))}};
  const milliseconds ttl = kTtls.at(dice.below(kTtls.size()));
  const quorum::Fence fence = dice.chance(0.05) ? quorum::kMaxFence - dice.below(2) : 1 + dice.below(20);
  switch (dice.below(6)) {
    case 0:
      return quorum::ConfirmRequest{
          .token = token, .fence = fence, .granted = dice.chance(0.5) ? 0 : 1 + dice.below(20)};
    case 1: {
      // As below, of an earlier note.
      const auto some_life = [&] { return milliseconds{500'000 + 1'000 * dice.below(3'000)}; };
      quorum::ReleaseRequest release{.token = token,
                                     .note = dice.chance(0.5) ? some_life() : milliseconds{},
                                     .breaks = dice.chance(0.5)};
      if (dice.chance(0.4))
        release.rest = quorum::Rest{.length = some_life(), .status = static_cast<int>(dice.below(256))};
      return release;
    }
    case 2: {
      const bool asks = dice.chance(0.3);
      // Never what is left at this very millisecond: then the two clocks would decide.
      return quorum::ExtendRequest{.token = token,
                                   .ttl = milliseconds{500'000 + 1'000 * dice.below(3'000)},
                                   .fence = asks ? 0 : fence,
                                   .attempt = 1 + dice.below(5),
                                   .repair = !asks && dice.chance(0.7),
                                   .vouches = dice.chance(0.5) ? 0 : 1 + dice.below(20)};
    }
    case 3: {
      quorum::ProbeRequest probe{.token = token};
      if (dice.chance(0.7)) probe.waiter = any_waiter(dice);
      return probe;
    }
    default: {
      quorum::AcquireRequest acquire{.token = token, .ttl = ttl, .proposal = fence};
      if (dice.chance(0.7)) acquire.waiter = any_waiter(dice);
      acquire.in_turn = dice.chance(0.3);
      acquire.bars = dice.chance(0.3);
      return acquire;
    }
  }
}

// The same of one of the slots.
quorum::Request of_slot(quorum::Request request, Dice& dice) {
  std::visit(Overload{[](quorum::ProbeRequest& probe) { probe.slots = true; },
                      [&](auto& other) { other.slot = 1 + dice.below(kSlots.size()); }},
             request);
  return request;
}

// What somebody else may have left there.
void tamper(Servers& servers, unsigned db, Dice& dice) {
  const redis::LockKeys& keys = dice.chance(0.4) ? kSlots[dice.below(2)] : kBoth[dice.below(2)];
  Store& store = servers.simulated().store(db);
  servers.tick();
  const auto real = [&](std::initializer_list<std::string_view> words) {
    std::string script = fmt::format("redis.call('SELECT',{}) return redis.call(", db);
    for (const std::string_view word : words)
      script += fmt::format("{}'{}'", script.ends_with('(') ? "" : ",", word);
    servers.by_hand({"EVAL", script + ")", "0"});
  };
  const auto set = [&](const std::string& key, const std::string& value, std::int64_t px) {
    px > 0 ? real({"SET", key, value, "PX", std::to_string(px)}) : real({"SET", key, value});
    store.set(key, value, px);
    servers.simulated().expire();  // and tells
  };
  const auto drop = [&](const std::string& key) {
    real({"DEL", key});
    store.del(key);
    servers.simulated().expire();
  };
  const auto hash = [&](const std::string& key) {
    drop(key);
    real({"HSET", key, "x", "y"});
    store.hset(key, {{"x", "y"}});
  };
  switch (dice.below(14)) {
    case 10: return set(keys.bar, "9999999999999999-0000000000000001", 1'000'000);
    case 11: return hash(keys.bar);
    case 0: return set(keys.lock, "of another library", 1'000'000);
    case 1: return set(keys.lock, "set by hand", 0);
    case 2: return hash(keys.lock);
    case 3: return set(keys.info, "no hash", 0);
    case 4: return set(keys.fence, "no number", 0);
    case 5: return set(keys.fence, "12345678901234567", 0);
    case 6: return set(keys.fence, "9007199254740991", 1'000'000);
    case 7: return set(keys.queue, "no set", 0);
    case 8: return set(keys.note("a"), dice.chance(0.5) ? "broken" : "resting", 1'000'000);
    case 9: return hash(keys.fence);
    default:
      for (const std::string& key :
           {keys.lock, keys.info, keys.fence, keys.queue, keys.bar, keys.note("a"), keys.note("b")})
        drop(key);
  }
}

// A request that changes nothing, as the program asks it, and what of its answer may differ.
struct Question {
  std::vector<std::string> words;
  Mask mask{};
};
std::vector<Question> questions(Dice& dice) {
  const std::vector<redis::LockKeys>& names = dice.chance(0.5) ? kOne : kBoth;
  const quorum::QueueEntry waiter = any_waiter(dice);
  return {{redis::probe_words(quorum::Probe::Holder, names, waiter)},
          {redis::probe_words(quorum::Probe::QueueState, names, waiter), {.times = true}},
          {redis::probe_words(quorum::Probe::QueueState, kSlots, waiter), {.times = true}},
          {redis::leave_words(kSlots, waiter)},
          {redis::look_words(kSlots[dice.below(2)]), {.near = {2}}},
          {redis::look_words(names.back()), {.near = {2}}},
          {redis::scan_words("0", "", "*"), {.in_any_order = true}},
          {redis::scan_words("0", "", "d[a-f]p?oy"), {.in_any_order = true}},
          {redis::scan_words("0", "other", "*"), {.in_any_order = true}},
          {redis::leave_words(names, waiter)},
          {redis::trial_words()},
          {{"ROLE"}}};
}

// "name" of each "name:value".
std::vector<std::string> names_in(const std::string& info) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < info.size();) {
    const std::size_t end = std::min(info.find("\r\n", at), info.size());
    const std::string line = info.substr(at, end - at);
    names.push_back(line.substr(0, line.find(':')));
    at = end + 2;
  }
  return names;
}

}  // namespace

TEST_CASE("each request gets the same answer from the simulated node as from a real one, whatever is there") {
  const auto server = test::RedisServer::start();
  if (!server) return;
  const redis::Scripts of_one{
      kOne, {.host = "h", .user = "u", .command = "c d", .pid = 42, .since_us = 7, .note = "n"}};
  const redis::Scripts of_both{kBoth,
                               {.host = "h",
                                .user = "u",
                                .command = "c d",
                                .pid = 42,
                                .since_us = 7,
                                .names = {"deploy", "deploy again"},
                                .note = "n"}};
  const redis::Scripts of_slots{
      kSlots, {.host = "h", .user = "u", .command = "c d", .pid = 42, .since_us = 7, .note = "n"}};
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Dice dice{seed};
    Servers servers{*server};
    const unsigned db = seed % 3 == 0 ? 5 : 0;
    Peer peer{servers};
    Peer subscriber{servers};
    if (db != 0) peer.tell_words({"SELECT", std::to_string(db)});
    subscriber.tell_tracking(kKey);
    subscriber.tell_words({"SUBSCRIBE", "__redis__:invalidate", redis::channel_of(any_waiter(dice))});
    for (int step = 0; step < 60; ++step) {
      CAPTURE(step);
      std::string what = "tamper";
      CAPTURE(what);
      if (dice.chance(0.1)) {
        tamper(servers, db, dice);
        servers.simulated().expire();
      } else if (dice.chance(0.25)) {
        auto all = questions(dice);
        const Question& question = all[dice.below(all.size())];
        what = question.words.front();
        peer.tell_words(question.words, question.mask);
      } else {
        const bool slots = dice.chance(0.4);
        const quorum::Request request = slots ? of_slot(any_request(dice), dice) : any_request(dice);
        const bool may_refuse = std::holds_alternative<quorum::AcquireRequest>(request) ||
                                std::holds_alternative<quorum::ProbeRequest>(request);
        what = fmt::format("request {}", request.index());
        const redis::Scripts& scripts = slots ? of_slots : dice.chance(0.5) ? of_one : of_both;
        peer.tell(scripts.encode(request, db).reveal(), {.times = may_refuse});
      }
      subscriber.hear();
      if (step % 10 == 9) servers.check_keys(db);
    }
    servers.check_keys(db);
    CHECK(peer.client().unknown_commands == 0);
  }
}

TEST_CASE("the simulated node tells of an expiry as a real one does") {
  const auto server = test::RedisServer::start();
  if (!server) return;
  Servers servers{*server};
  Peer peer{servers};
  Peer subscriber{servers};
  subscriber.tell_tracking(kKey);
  subscriber.tell_words({"SUBSCRIBE", "__redis__:invalidate"});
  const redis::Scripts scripts{kOne, {}};
  peer.tell(scripts.encode(quorum::AcquireRequest{.token = {"a"}, .ttl = milliseconds{60}, .proposal = 9}, 0)
                .reveal());
  subscriber.hear();
  subscriber.hear_in_time();
  servers.check_keys(0);
}

TEST_CASE("a subscription goes the same way on both: tracking, calls, and what is forbidden meanwhile") {
  const auto server = test::RedisServer::start();
  if (!server) return;
  Servers servers{*server};
  Peer subscriber{servers};
  subscriber.tell_words({"CLIENT", "ID"}, {.ignored = {0}});
  subscriber.tell_tracking(kKey);
  subscriber.tell_tracking(kKey);  // which overlaps
  subscriber.tell_words({"CLIENT", "TRACKING", "ON", "REDIRECT", "4711", "BCAST", "PREFIX", kKey});
  subscriber.tell_words({"PUBLISH", "redlock.turn:x", ""});
  subscriber.tell_words({"SUBSCRIBE", "redlock.turn:x"});
  subscriber.tell_words({"SUBSCRIBE", "__redis__:invalidate"});
  for (const std::vector<std::string>& forbidden : {std::vector<std::string>{"CLIENT", "ID"},
                                                    {"GET", "k"},
                                                    {"CLIENT", "TRACKING", "OFF"},
                                                    {"EVAL", "return 1", "0"}}) {
    subscriber.tell_words(forbidden);
  }
  Peer publisher{servers};
  publisher.tell_words({"PUBLISH", "redlock.turn:x", "1"});
  subscriber.hear();
  subscriber.tell_words({"UNSUBSCRIBE", "redlock.turn:x", "__redis__:invalidate"});
  subscriber.tell_words({"CLIENT", "TRACKING", "OFF"});
  subscriber.tell_words({"UNSUBSCRIBE"});
  subscriber.tell_words({"SUBSCRIBE", "redlock.turn:x"});
  publisher.tell_words({"PUBLISH", "redlock.turn:x", "0"});
  subscriber.hear();
}

TEST_CASE("the greeting gets the same answers: with and without a password, right and wrong") {
  const auto open = test::RedisServer::start();
  if (!open) return;
  const auto closed = test::RedisServer::start({"--requirepass", "secret"});
  const auto greet = [](test::RedisServer& server, const NodeFacts& facts, const std::string& user,
                        const std::string& password, unsigned db) {
    CAPTURE(user);
    CAPTURE(password);
    test::Client admin = server.client();
    if (!facts.password.empty()) admin.ask({"AUTH", facts.password});
    Servers servers{server, facts};
    Peer peer{servers};
    redis::NodeEndpoint endpoint = server.unix_endpoint();
    endpoint.username = user;
    endpoint.password = Secret{std::string{password}};
    endpoint.db = db;
    for (const auto& command : redis::session_setup(endpoint)) {
      if (command.step != redis::SetupStep::Info) peer.tell_stranger(command.bytes.reveal());
    }
    peer.tell_stranger(bytes_of({"GET", "k"}));
  };
  for (const unsigned db : {0U, 3U, 99U}) {
    greet(*open, {.run_id = "r"}, "", "", db);
    greet(*open, {.run_id = "r"}, "", "needless", db);
    greet(*open, {.run_id = "r"}, "nobody", "needless", db);
    greet(*closed, {.run_id = "r", .password = "secret"}, "", "", db);
    greet(*closed, {.run_id = "r", .password = "secret"}, "", "secret", db);
    greet(*closed, {.run_id = "r", .password = "secret"}, "default", "secret", db);
    greet(*closed, {.run_id = "r", .password = "secret"}, "", "wrong", db);
    greet(*closed, {.run_id = "r", .password = "secret"}, "nobody", "secret", db);
  }
}

TEST_CASE("INFO, TIME and CONFIG GET say the same, but for what is the machine's") {
  const auto server = test::RedisServer::start();
  if (!server) return;
  Servers servers{*server};
  Peer peer{servers};
  peer.tell_words(redis::time_words(), {.near = {1}, .ignored = {2}});
  peer.tell_words(redis::config_words("save"));
  peer.tell_words(redis::config_words("appendfsync"));
  peer.tell_words(redis::config_words("no-such-parameter"));
  peer.tell_words({"NOSUCH", "a", "b"});

  test::Client real = server->client();
  auto& client = servers.simulated().connect();
  const auto both = [&](const std::vector<std::string>& words) {
    client.out.clear();
    compared().insert(RedisNode::name_of(words));
    servers.simulated().receive(client, bytes_of(words));
    std::string_view rest{client.out};
    const std::string simulated = take_reply(rest).front().text;
    return std::pair{words.size() == 1 ? real.ask({words[0]}).text : real.ask({words[0], words[1]}).text,
                     simulated};
  };
  const auto [server_info, simulated_info] = both({"INFO", "server"});
  // The simulated node is a Redis 7.0. Later ones say more.
  auto names = names_in(server_info);
  if (const auto version = redis::info_field(server_info, "redis_version");
      !version || !version->starts_with("7.0.")) {
    const auto known = names_in(simulated_info);
    std::erase_if(
        names, [&](const auto& name) { return std::find(known.begin(), known.end(), name) == known.end(); });
  }
  CHECK(fmt::format("{}", fmt::join(names, " ")) ==
        fmt::format("{}", fmt::join(names_in(simulated_info), " ")));
  for (const char* const name : {"run_id", "uptime_in_seconds", "redis_version"}) {
    CHECK_FALSE(redis::info_field(simulated_info, name).value_or("").empty());
  }
  CHECK(redis::info_field(simulated_info, "redis_mode") == redis::info_field(server_info, "redis_mode"));
  const auto [all, simulated_all] = both(redis::report_words());
  for (const char* const name : {"role", "aof_enabled", "rdb_last_bgsave_status", "aof_last_write_status",
                                 "maxmemory", "maxmemory_policy", "redis_mode"}) {
    CAPTURE(name);
    CHECK(redis::info_field(simulated_all, name).has_value());
    CHECK(redis::info_field(simulated_all, name) == redis::info_field(all, name));
  }
}

TEST_CASE("each command that the simulated node knows has been compared with a real one") {
  if (compared().empty()) return;  // there is none
  for (const auto& command : RedisNode::commands()) {
    const auto& name = command.first;
    CAPTURE(name);
    CHECK(compared().contains(name));
  }
}
