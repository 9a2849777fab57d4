#pragma once

#include "unit/redis_support.hpp"
#include "whole/real_connection.hpp"
#include "whole/redis_node.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A simulated node and a real redis-server that are told the same, for node_conformance_test.cpp: each answer is compared,
// and the keys.
//
// Bytes that cannot be the same are compared with a tolerance, or masked, and nothing else is:
//   - PTTL, TIME, and the scores of the queue: within kTolerance;
//   - the number of a connection (CLIENT ID): only that it is one;
//   - INFO: the names of all fields of "# Server" in their order, and the values of those that the program reads but run_id,
//     uptime and version, which must be there; of the other sections only the fields that the program reads;
//   - SCAN: the keys in any order;
//   - an error inside of a script: without the place where it happened (" script: HASH, on @user_script:LINE.").
namespace redlock::sim {

inline constexpr long long kTolerance = 5'000;  // milliseconds

// The parts of a reply that may differ, by the number of the element.
struct Mask {
  std::vector<std::size_t> near{};     // numbers within the tolerance
  std::vector<std::size_t> ignored{};  // any text
  bool in_any_order = false;           // behind the first three elements
  bool times = false;                  // integers that are no small ones are milliseconds
};

// The names of the commands that have been compared.
inline std::set<std::string>& compared() {
  static std::set<std::string> names;
  return names;
}

inline std::uint64_t wall_us() {
  return read_clocks().wall_us;
}

inline std::string without_place(std::string text) {
  const std::size_t at = text.find(" script: ");
  return at != std::string::npos && text.find("@user_script:") != std::string::npos ? text.substr(0, at)
                                                                                    : text;
}

inline std::string shown(const Elements& reply) {
  std::string text;
  for (const Element& element : reply) text += fmt::format("{}{} ", element.type, element.text);
  return text;
}

inline bool is_near(const std::string& a, const std::string& b) {
  long long first = 0;
  long long second = 0;
  std::from_chars(a.data(), a.data() + a.size(), first);
  std::from_chars(b.data(), b.data() + b.size(), second);
  if (first < 0 || second < 0) return first == second;
  return std::abs(first - second) <= kTolerance;
}

inline void check_same(Elements real, Elements simulated, const Mask& mask) {
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
    const bool time = mask.times && real[i].type == ':' && real[i].text.size() > 3;
    if (time || std::find(mask.near.begin(), mask.near.end(), i) != mask.near.end()) {
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
  // Messages that came unasked.
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
  RealConnection wire_;
  RedisNode::Client& client_;
};

}  // namespace redlock::sim
