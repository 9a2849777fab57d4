// Holds the simulated node (redis_node.hpp) to a real redis-server, byte by byte: the same requests to both, as the program
// writes them, at random and in odd states; what comes back must be the same, and so must the keys afterwards.
//
// Bytes that cannot be the same are compared with a tolerance, or masked, and nothing else is:
//   - PTTL, TIME, and the scores of the queue: within kTolerance;
//   - the number of a connection (CLIENT ID): only that it is one;
//   - INFO: the names of all fields of "# Server" in their order, and the values of those that the program reads but run_id,
//     uptime and version, which must be there; of the other sections only the fields that the program reads;
//   - SCAN: the keys in any order;
//   - an error inside of a script: without the place where it happened (" script: HASH, on @user_script:LINE.").
#include "base/overload.hpp"
#include "dice.hpp"
#include "redis/info.hpp"
#include "redis/look.hpp"
#include "redis/queue.hpp"
#include "redis/scripts.hpp"
#include "redis/server_report.hpp"
#include "redis/session_setup.hpp"
#include "unit/redis_support.hpp"
#include "whole/redis_node.hpp"
#include "whole/reply_text.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>

using namespace redlock;
using namespace redlock::sim;
using std::chrono::milliseconds;

namespace {

constexpr long long kTolerance = 5'000;  // milliseconds

std::string bytes_of(const std::vector<std::string>& words) {
  const std::vector<std::string_view> views{words.begin(), words.end()};
  return std::string{redis::format_command(views).reveal()};
}

// A connection to the real server.
class Wire {
 public:
  explicit Wire(const std::string& path) : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  void write(std::string_view bytes) { test::write_all(socket_.get(), bytes); }

  Elements read() {
    for (;;) {
      std::string_view rest{buffer_};
      Elements reply = take_reply(rest);
      if (!reply.empty()) {
        buffer_.erase(0, buffer_.size() - rest.size());
        return reply;
      }
      char bytes[4096];
      const ssize_t count = ::read(socket_.get(), bytes, sizeof bytes);
      REQUIRE(count > 0);
      buffer_.append(bytes, static_cast<std::size_t>(count));
    }
  }

  // All that the server has said until it answers a PING.
  std::vector<Elements> read_all() {
    const std::string mark = fmt::format("mark {}", ++marks_);
    write(bytes_of({"PING", mark}));
    std::vector<Elements> replies;
    for (;;) {
      Elements reply = read();
      if (reply.back().text == mark) return replies;
      replies.push_back(std::move(reply));
    }
  }

 private:
  UniqueFd socket_;
  std::string buffer_;
  int marks_ = 0;
};

// What of a reply may differ, by the number of the element.
struct Mask {
  std::vector<std::size_t> near{};     // numbers within the tolerance
  std::vector<std::size_t> ignored{};  // any text
  bool in_any_order = false;           // behind the first three elements
};

// The names of the commands that have been compared.
std::set<std::string>& compared() {
  static std::set<std::string> names;
  return names;
}

std::uint64_t wall_us() {
  return read_clocks().wall_us;
}

std::string without_place(std::string text) {
  const std::size_t at = text.find(" script: ");
  return at != std::string::npos && text.find("@user_script:") != std::string::npos ? text.substr(0, at)
                                                                                    : text;
}

std::string shown(const Elements& reply) {
  std::string text;
  for (const Element& element : reply) text += fmt::format("{}{} ", element.type, element.text);
  return text;
}

bool is_near(const std::string& a, const std::string& b) {
  long long first = 0;
  long long second = 0;
  std::from_chars(a.data(), a.data() + a.size(), first);
  std::from_chars(b.data(), b.data() + b.size(), second);
  if (first < 0 || second < 0) return first == second;
  return std::abs(first - second) <= kTolerance;
}

void check_same(Elements real, Elements simulated, const Mask& mask) {
  INFO("real: ", shown(real));
  INFO("simulated: ", shown(simulated));
  REQUIRE(real.size() == simulated.size());
  if (mask.in_any_order) {
    const auto by_text = [](const Element& a, const Element& b) { return a.text < b.text; };
    std::sort(real.begin() + 3, real.end(), by_text);
    std::sort(simulated.begin() + 3, simulated.end(), by_text);
  }
  for (std::size_t i = 0; i < real.size(); ++i) {
    CAPTURE(i);
    REQUIRE(real[i].type == simulated[i].type);
    if (std::find(mask.ignored.begin(), mask.ignored.end(), i) != mask.ignored.end()) continue;
    if (std::find(mask.near.begin(), mask.near.end(), i) != mask.near.end()) {
      CHECK(is_near(real[i].text, simulated[i].text));
    } else if (real[i].type == '-') {
      CHECK(without_place(real[i].text) == simulated[i].text);
    } else {
      CHECK(real[i].text == simulated[i].text);
    }
  }
}

// Both servers, which are told the same.
class Servers {
 public:
  explicit Servers(test::RedisServer& real, NodeFacts facts = {.run_id = std::string(40, '5')})
      : real_{real}, by_hand_{real.client()}, simulated_{std::move(facts), nullptr} {
    by_hand_.ask({"FLUSHALL"});
    tick();
  }

  std::string path() const { return real_.unix_endpoint().path; }
  RedisNode& simulated() { return simulated_; }
  // By a connection that may do anything, and of which the simulated server knows nothing.
  redis::Value by_hand(std::initializer_list<std::string_view> words) { return by_hand_.ask(words); }

  void tick() { simulated_.set_time(wall_us()); }

  // All keys of a database are the same.
  void check_keys(unsigned db) {
    Store& store = simulated_.store(db);
    tick();
    const redis::Value keys =
        by_hand({"EVAL", fmt::format("redis.call('SELECT',{}) return redis.call('KEYS','*')", db), "0"});
    std::vector<std::string> real;
    for (const auto& key : keys.elements) real.push_back(key.text);
    std::sort(real.begin(), real.end());
    REQUIRE(real == store.keys());
    for (const std::string& key : real) check_key(db, key);
  }

 private:
  // As one string each, what is in it and how long it lives.
  redis::Value look(unsigned db, const std::string& key) {
    return by_hand({"EVAL",
                    fmt::format(R"(redis.call('SELECT',{})
local kind = redis.call('TYPE', KEYS[1]).ok
local all = kind == 'string' and {{redis.call('GET', KEYS[1])}} or kind == 'hash' and redis.call('HGETALL', KEYS[1])
  or redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
return {{kind, redis.call('PTTL', KEYS[1]), all}})",
                                db),
                    "1", key});
  }

  void check_key(unsigned db, const std::string& key) {
    CAPTURE(key);
    Store& store = simulated_.store(db);
    const redis::Value real = look(db, key);
    REQUIRE(real.elements.size() == 3);
    CHECK(is_near(std::to_string(real.elements[1].integer), std::to_string(store.pttl(key))));
    const std::string& kind = real.elements[0].text;
    const auto& all = real.elements[2].elements;
    if (kind == "string") {
      CHECK(all.at(0).text == store.get(key));
    } else if (kind == "hash") {
      CHECK(all.size() == 2 * store.fields(key));
      for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
        const std::string* value = store.peek_field(key, all[i].text);
        REQUIRE(value != nullptr);
        CHECK(all[i + 1].text == *value);
      }
    } else {
      REQUIRE(kind == "zset");
      CHECK(all.size() == 2 * store.zcard(key));  // in any order: the scores are times
      for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
        const auto score = store.score(key, all[i].text);
        REQUIRE(score.has_value());
        CHECK(is_near(all[i + 1].text, fmt::format("{:.0f}", *score)));
      }
    }
  }

  test::RedisServer& real_;
  test::Client by_hand_;
  RedisNode simulated_;
};

// The same connection to both.
class Peer {
 public:
  explicit Peer(Servers& servers)
      : servers_{servers}, wire_{servers.path()}, client_{servers.simulated().connect()} {}

  // Writes the same to both, and compares what is answered.
  void tell(std::string_view bytes, const Mask& mask = {}) {
    wire_.write(bytes);
    receive(bytes);
    compare(wire_.read_all(), mask);
  }
  void tell_words(const std::vector<std::string>& words, const Mask& mask = {}) {
    tell(bytes_of(words), mask);
  }
  // Where PING is refused: as many replies as the simulated node gives.
  void tell_stranger(std::string_view bytes) {
    wire_.write(bytes);
    receive(bytes);
    std::vector<Elements> real;
    for (std::size_t i = replies().size(); i > 0; --i) real.push_back(wire_.read());
    compare(real, {});
  }
  // What came unasked.
  void hear() { compare(wire_.read_all(), {}); }
  // The same, and of both something: waits for it.
  void hear_in_time() {
    std::vector<Elements> heard;
    REQUIRE(test::eventually([&] {
      for (Elements& each : wire_.read_all()) heard.push_back(std::move(each));
      return !heard.empty();
    }));
    servers_.tick();
    servers_.simulated().expire();
    compare(heard, {});
  }

  // The number of the connection, for each.
  void tell_tracking(const std::string& prefix) {
    wire_.write(bytes_of({"CLIENT", "ID"}));
    const std::string id = wire_.read().front().text;
    wire_.write(bytes_of({"CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", prefix}));
    receive(bytes_of(
        {"CLIENT", "TRACKING", "ON", "REDIRECT", std::to_string(client_.id), "BCAST", "PREFIX", prefix}));
    compare(wire_.read_all(), {});
  }

  RedisNode::Client& client() { return client_; }

 private:
  void receive(std::string_view bytes) {
    note_commands(bytes);
    servers_.tick();
    servers_.simulated().receive(client_, bytes);
  }
  static void note_commands(std::string_view bytes) {
    sim::CommandReader reader;
    reader.feed(bytes);
    while (const auto cut = reader.next()) compared().insert(RedisNode::name_of(cut->words));
  }
  std::vector<Elements> replies() const {
    std::vector<Elements> all;
    for (std::string_view rest{client_.out}; !rest.empty();) all.push_back(take_reply(rest));
    return all;
  }
  void compare(const std::vector<Elements>& real, const Mask& mask) {
    const auto simulated = replies();
    client_.out.clear();
    if (real.size() != simulated.size()) {
      for (const auto& each : real) MESSAGE("real: ", shown(each));
      for (const auto& each : simulated) MESSAGE("simulated: ", shown(each));
    }
    REQUIRE(real.size() == simulated.size());
    for (std::size_t i = 0; i < real.size(); ++i) check_same(real[i], simulated[i], mask);
  }

  Servers& servers_;
  Wire wire_;
  RedisNode::Client& client_;
};

const std::string kKey = "deploy";
constexpr std::array<std::string_view, 3> kTokens{"a", "b", "c"};
constexpr std::array kTtls{milliseconds{1'000'000}, milliseconds{2'000'000}, milliseconds{3'000'000}};

quorum::QueueEntry any_waiter(Dice& dice) {
  return {.began_us = 1'790'000'000'000'000 + dice.below(4), .number = dice.below(2)};
}

quorum::Request any_request(Dice& dice) {
  const quorum::Token token{std::string{kTokens.at(dice.below(kTokens.size()))}};
  const milliseconds ttl = kTtls.at(dice.below(kTtls.size()));
  const quorum::Fence fence = dice.chance(0.05) ? quorum::kMaxFence - dice.below(2) : 1 + dice.below(20);
  switch (dice.below(5)) {
    case 0:
      return quorum::ConfirmRequest{
          .token = token, .fence = fence, .granted = dice.chance(0.5) ? 0 : 1 + dice.below(20)};
    case 1:
      return quorum::ReleaseRequest{
          .token = token, .note = dice.chance(0.5) ? ttl : milliseconds{}, .breaks = dice.chance(0.5)};
    case 2:
      // Never what is left at this very millisecond: then the two clocks would decide.
      return quorum::ExtendRequest{.token = token,
                                   .ttl = milliseconds{500'000 + 1'000 * dice.below(3'000)},
                                   .fence = fence,
                                   .attempt = 1 + dice.below(5),
                                   .repair = dice.chance(0.7),
                                   .vouches = dice.chance(0.5) ? 0 : 1 + dice.below(20)};
    default: {
      quorum::AcquireRequest acquire{.token = token, .ttl = ttl, .proposal = fence};
      if (dice.chance(0.7)) acquire.waiter = any_waiter(dice);
      acquire.in_turn = dice.chance(0.3);
      return acquire;
    }
  }
}

// What somebody else may have left there.
void tamper(Servers& servers, unsigned db, Dice& dice) {
  const redis::LockKeys keys{kKey};
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
  switch (dice.below(12)) {
    case 0: return set(keys.lock, "of another library", 1'000'000);
    case 1: return set(keys.lock, "set by hand", 0);
    case 2: return hash(keys.lock);
    case 3: return set(keys.info, "no hash", 0);
    case 4: return set(keys.fence, "no number", 0);
    case 5: return set(keys.fence, "12345678901234567", 0);
    case 6: return set(keys.fence, "9007199254740991", 1'000'000);
    case 7: return set(keys.queue, "no set", 0);
    case 8: return set(keys.note("a"), "broken", 1'000'000);
    case 9: return hash(keys.fence);
    default:
      for (const std::string& key :
           {keys.lock, keys.info, keys.fence, keys.queue, keys.note("a"), keys.note("b")})
        drop(key);
  }
}

// A request that changes nothing, as the program asks it, and what of its answer may differ.
struct Question {
  std::vector<std::string> words;
  Mask mask{};
};
std::vector<Question> questions(Dice& dice) {
  const redis::LockKeys keys{kKey};
  const quorum::QueueEntry waiter = any_waiter(dice);
  return {{redis::probe_words(quorum::Probe::Holder, keys, waiter)},
          {redis::probe_words(quorum::Probe::QueueState, keys, waiter), {.near = {3}}},
          {redis::look_words(keys), {.near = {2}}},
          {redis::scan_words("0", "", "*"), {.in_any_order = true}},
          {redis::scan_words("0", "", "d[a-f]p?oy"), {.in_any_order = true}},
          {redis::scan_words("0", "other", "*"), {.in_any_order = true}},
          {redis::leave_words(keys, waiter)},
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
  const redis::Scripts scripts{kKey, {.host = "h", .user = "u", .command = "c d", .pid = 42, .since_us = 7}};
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
        const quorum::Request request = any_request(dice);
        const bool acquires = std::holds_alternative<quorum::AcquireRequest>(request);
        what = fmt::format("request {}", request.index());
        // Of a refusal the PTTL; the fourth element of other answers is a string.
        peer.tell(scripts.encode(request, db).reveal(), acquires ? Mask{.near = {3}} : Mask{});
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
  const redis::Scripts scripts{kKey, {}};
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
  CHECK(fmt::format("{}", fmt::join(names_in(server_info), " ")) ==
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
  for (const auto& [name, command] : RedisNode::commands()) {
    CAPTURE(name);
    CHECK(compared().contains(name));
  }
}
