// The scripts of redis/scripts.cpp, redis/queue.cpp, redis/look.cpp and redis/server_report.cpp, once more and in C++: line
// by line, so that the two can be laid side by side. conformance_test.cpp holds them together.
#include "whole/scripts.hpp"

#include "redis/look.hpp"
#include "redis/queue.hpp"
#include "redis/scripts.hpp"
#include "redis/server_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <vector>

namespace redlock::sim {
namespace {

using Field = std::optional<std::string>;

// ---- Lua

// redis.pcall: false where redis.call would have ended the script.
template <class Command>
bool pcall(Command&& command) {
  try {
    command();
    return true;
  } catch (const CommandError&) {
    return false;
  }
}

std::int64_t integer(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}
// Every number of Lua is one of these.
double number(std::string_view text) {
  return static_cast<double>(integer(text));
}
std::string text_of(double value) {
  return fmt::format("{:.0f}", value);
}
std::uint64_t unsigned_of(std::string_view text) {
  return static_cast<std::uint64_t>(integer(text));
}
std::chrono::milliseconds milliseconds_of(std::string_view text) {
  return std::chrono::milliseconds{integer(text)};
}

// ---- What the scripts share

double counter_of(Store& store, std::string_view key) {
  const std::string text = store.get(key).value_or("0");
  const bool digits =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.size() > 16 || !digits) throw CommandError{"ERR the fence counter is not an integer below 2^53"};
  return number(text);
}

void write_info(const ScriptCall& call, std::string_view key, std::string_view token, std::string_view ttl,
                std::string_view planted, std::size_t first) {
  call.store.del(key);
  call.store.hset(key, {{"token", token},
                        {"planted", planted},
                        {"ttl", ttl},
                        {"host", call.arg(first)},
                        {"user", call.arg(first + 1)},
                        {"command", call.arg(first + 2)},
                        {"pid", call.arg(first + 3)},
                        {"since", call.arg(first + 4)}});
  call.store.pexpire(key, integer(ttl));
}

// `fields` of the info, the first of which is the token; none where it is another's, or no hash.
std::vector<Field> info_of(Store& store, std::string_view key, std::string_view token,
                           std::initializer_list<std::string_view> fields) {
  std::vector<Field> info;
  if (!pcall([&] { info = store.hmget(key, fields); }) || info[0] != token) {
    info.assign(fields.size(), std::nullopt);
  }
  return info;
}

void append_fields(std::string& out, const std::vector<Field>& info) {
  for (std::size_t i = 1; i < info.size(); ++i) append_bulk(out, info[i].value_or(""));
}

void append_holder_info(const ScriptCall& call, std::string_view key, std::string_view holder) {
  append_fields(call.out,
                info_of(call.store, key, holder, {"token", "host", "user", "command", "pid", "since"}));
}

void write_fence(Store& store, std::string_view key, std::string_view token, std::string_view fence) {
  if (info_of(store, key, token, {"token"})[0]) store.hset(key, {{"fence", fence}});
}

// ---- The queue

struct PositionInQueue {
  long long ahead = -1;
  long long waiting = -1;
};

PositionInQueue position(Store& store, std::string_view key, std::string_view waiter) {
  std::vector<std::string> queue;
  if (!pcall([&] { queue = store.zrange(key); })) return {};
  if (std::find(queue.begin(), queue.end(), waiter) == queue.end()) return {};
  const auto ahead =
      std::count_if(queue.begin(), queue.end(), [&](const auto& other) { return other < waiter; });
  return {.ahead = ahead, .waiting = static_cast<long long>(queue.size())};
}

PositionInQueue enter_queue(Store& store, std::string_view key, std::string_view waiter,
                            std::string_view life) {
  const auto now = static_cast<double>(store.now_ms());
  pcall([&] { store.zrem_up_to(key, now); });
  pcall([&] { store.zadd(key, now + number(life), waiter); });
  pcall([&] { store.pexpire(key, integer(life)); });
  return position(store, key, waiter);
}

void leave_queue(const ScriptCall& call, std::string_view key, std::string_view waiter,
                 std::string_view in_turn) {
  pcall([&] { call.store.zrem(key, waiter); });
  std::vector<std::string> queue;
  if (!pcall([&] { queue = call.store.zrange(key); })) return;
  std::sort(queue.begin(), queue.end());
  std::size_t called = 0;
  for (const std::string& other : queue) {
    if (in_turn == "1" && other < waiter) {
      pcall([&] { call.store.zrem(key, other); });
    } else if (called < redis::kCalled) {
      call.publish(std::string{redis::kChannelPrefix} + other, std::to_string(called));
      ++called;
    }
  }
}

void append_refusal(const ScriptCall& call, const std::string& holder, std::int64_t remaining,
                    PositionInQueue position) {
  append_array(call.out, 11);
  append_integer(call.out, 0);
  append_bulk(call.out, holder);
  append_integer(call.out, remaining);
  append_fields(call.out, info_of(call.store, call.keys[1], holder,
                                  {"token", "host", "user", "command", "pid", "since", "ttl"}));
  append_integer(call.out, position.ahead);
  append_integer(call.out, position.waiting);
}

// ---- The four requests

std::optional<Executed> acquire(const ScriptCall& call) {
  Store& store = call.store;
  const std::string_view token = call.arg(1);
  const std::string_view ttl = call.arg(2);
  const bool waits = call.argv.size() >= 10;
  Executed done{.key = call.keys[0],
                .request = quorum::AcquireRequest{.token = {std::string{token}},
                                                  .ttl = milliseconds_of(ttl),
                                                  .proposal = unsigned_of(call.arg(3))},
                .reply = quorum::Granted{}};
  const Field holder = store.get(call.keys[0]);
  if (holder && *holder != token) {
    const std::int64_t remaining = store.pttl(call.keys[0]);
    append_refusal(call, *holder, remaining,
                   waits ? enter_queue(store, call.keys[3], call.arg(10), call.arg(12)) : PositionInQueue{});
    done.reply =
        quorum::Refused{.holder = {*holder}, .remaining = std::chrono::milliseconds{remaining}, .info = {}};
    return done;
  }
  const double counter = counter_of(store, call.keys[2]);
  const double fence = std::max(counter + 1, number(call.arg(3)));
  if (fence > static_cast<double>(quorum::kMaxFence)) {
    throw CommandError{"ERR the fence counter is not an integer below 2^53"};
  }
  store.set(call.keys[2], text_of(fence), integer(call.arg(4)));
  std::string planted = "0";
  if (holder) planted = info_of(store, call.keys[1], token, {"token", "planted"})[1].value_or("0");
  write_info(call, call.keys[1], token, ttl, planted, 5);
  store.set(call.keys[0], token, integer(ttl));
  if (waits) leave_queue(call, call.keys[3], call.arg(10), call.arg(11));
  append_array(call.out, 2);
  append_integer(call.out, 1);
  append_bulk(call.out, text_of(fence));
  done.reply = quorum::Granted{static_cast<quorum::Fence>(fence)};
  return done;
}

std::optional<Executed> confirm(const ScriptCall& call) {
  Store& store = call.store;
  const auto answer = [&](bool accepted) {
    append_integer(call.out, accepted ? 1 : 0);
    return Executed{.key = call.keys[0],
                    .request = quorum::ConfirmRequest{.token = {std::string{call.arg(1)}},
                                                      .fence = unsigned_of(call.arg(2)),
                                                      .granted = unsigned_of(call.arg(4))},
                    .reply = quorum::Confirmed{accepted}};
  };
  if (store.get(call.keys[0]) != call.arg(1)) return answer(false);
  const double counter = counter_of(store, call.keys[1]);
  const double fence = number(call.arg(2));
  if (counter > std::max(fence, number(call.arg(4)))) return answer(false);
  if (counter <= fence) store.set(call.keys[1], text_of(fence), integer(call.arg(3)));
  write_fence(store, call.keys[2], call.arg(1), call.arg(2));
  return answer(counter <= fence);
}

std::optional<Executed> extend(const ScriptCall& call) {
  Store& store = call.store;
  const std::string_view token = call.arg(1);
  const std::string_view ttl = call.arg(2);
  const std::string_view life = call.arg(4);
  const std::string_view attempt = call.arg(5);
  const std::string& lock = call.keys[0];
  const std::string& info_key = call.keys[1];
  Executed done{.key = lock,
                .request = quorum::ExtendRequest{.token = {std::string{token}},
                                                 .ttl = milliseconds_of(ttl),
                                                 .fence = unsigned_of(call.arg(3)),
                                                 .attempt = unsigned_of(attempt),
                                                 .repair = call.arg(6) == "1",
                                                 .vouches = unsigned_of(call.arg(7))},
                .reply = quorum::NotOurs{}};
  const Field holder = store.get(lock);
  if (holder != token) {
    const Field said = store.get(call.keys[3]);
    const int note = said == "broken" ? 2 : said ? 1 : 0;
    const auto not_ours = [&] {
      append_array(call.out, holder ? 8 : 3);
      append_integer(call.out, 0);
      append_bulk(call.out, holder.value_or(""));
      append_integer(call.out, note);
      if (holder) append_holder_info(call, info_key, *holder);
      done.reply =
          quorum::NotOurs{.holder = {holder.value_or("")}, .released = note == 1, .broken = note == 2};
      return done;
    };
    if (holder || said || call.arg(6) != "1") return not_ours();
  }
  const double counter = counter_of(store, call.keys[2]);
  const std::string found = text_of(counter);
  if (holder) {
    const std::int64_t left = store.pttl(lock);
    const bool later = left >= 0 && left < integer(ttl);
    const auto info = info_of(store, info_key, token, {"token", "planted", "ttl", "fence"});
    std::string planted = info[1].value_or("");
    std::string final_fence = info[3].value_or("0");
    store.pexpire(call.keys[2], integer(life));
    if (later) store.pexpire(lock, integer(ttl));
    if (info[0] && info[1]) {
      if (later) store.pexpire(info_key, integer(ttl));
      if (integer(ttl) > integer(info[2].value_or("0"))) store.hset(info_key, {{"ttl", ttl}});
    } else {
      planted = attempt;
      final_fence = "0";
      write_info(call, info_key, token, left > integer(ttl) ? std::to_string(left) : std::string{ttl},
                 planted, 8);
    }
    if (call.arg(7) != "0" && counter <= std::max(number(call.arg(3)), number(call.arg(7)))) {
      final_fence = call.arg(3);
      write_fence(store, info_key, token, final_fence);
    }
    append_array(call.out, 4);
    append_integer(call.out, 1);
    append_bulk(call.out, planted);
    append_bulk(call.out, found);
    append_bulk(call.out, final_fence);
    done.reply = quorum::Extended{.set_by = unsigned_of(planted),
                                  .counter = static_cast<quorum::Fence>(counter),
                                  .fence = unsigned_of(final_fence)};
    return done;
  }
  store.set(call.keys[2], text_of(std::max(counter, number(call.arg(3)))), integer(life));
  write_info(call, info_key, token, ttl, attempt, 8);
  store.set(lock, token, integer(ttl));
  append_array(call.out, 2);
  append_integer(call.out, 2);
  append_bulk(call.out, found);
  done.reply = quorum::Restored{static_cast<quorum::Fence>(counter)};
  return done;
}

std::optional<Executed> release(const ScriptCall& call) {
  Store& store = call.store;
  const std::string_view token = call.arg(1);
  const Field holder = store.get(call.keys[0]);
  const bool ours = holder == token;
  const bool notes = call.keys.size() >= 3;
  double life = notes ? number(call.arg(2)) : 0;
  if (ours) {
    if (notes) {
      const auto ttl = info_of(store, call.keys[1], *holder, {"token", "ttl"})[1];
      life = std::max({life, static_cast<double>(store.pttl(call.keys[0])), number(ttl.value_or("0"))});
    }
    store.del(call.keys[0]);
    store.del(call.keys[1]);
  }
  if (notes) {
    life = std::min(life, number(call.arg(3)));
    if (static_cast<double>(store.pttl(call.keys[2])) < life) {
      pcall([&] { store.set(call.keys[2], call.arg(4), static_cast<std::int64_t>(life)); });
    }
  }
  const bool others = holder && !ours;
  append_array(call.out, others ? 7 : 2);
  append_integer(call.out, ours ? 1 : 0);
  append_integer(call.out, others ? 1 : 0);
  if (others) append_holder_info(call, call.keys[1], *holder);
  return Executed{.key = call.keys[0],
                  .request = quorum::ReleaseRequest{.token = {std::string{token}},
                                                    .note = notes ? milliseconds_of(call.arg(2))
                                                                  : std::chrono::milliseconds{},
                                                    .breaks = call.arg(4) == "broken"},
                  .reply = quorum::Released{.was_ours = ours, .held_by_other = others}};
}

// ---- Those who look

std::optional<Executed> queue_state(const ScriptCall& call) {
  const PositionInQueue found = position(call.store, call.keys[2], call.arg(1));
  if (const Field holder = call.store.get(call.keys[0])) {
    append_refusal(call, *holder, call.store.pttl(call.keys[0]), found);
    return std::nullopt;
  }
  append_array(call.out, 3);
  append_integer(call.out, 1);
  append_integer(call.out, found.ahead);
  append_integer(call.out, found.waiting);
  return std::nullopt;
}

std::optional<Executed> look(const ScriptCall& call) {
  Store& store = call.store;
  const Field holder = store.get(call.keys[0]);
  append_array(call.out, 10);
  if (!holder) {
    append_nil(call.out);
    append_integer(call.out, 0);
    append_bulk(call.out, "0");
    append_integer(call.out, 0);
    for (int i = 0; i < 6; ++i) append_bulk(call.out, "");
    return std::nullopt;
  }
  const auto info =
      info_of(store, call.keys[1], *holder, {"token", "host", "user", "command", "pid", "since", "ttl"});
  Field fence;
  pcall([&] { fence = store.get(call.keys[2]); });
  std::size_t waiting = 0;
  pcall([&] { waiting = store.zcard(call.keys[3]); });
  append_bulk(call.out, *holder);
  append_integer(call.out, store.pttl(call.keys[0]));
  append_bulk(call.out, fence.value_or("0"));
  append_integer(call.out, static_cast<long long>(waiting));
  append_fields(call.out, info);
  return std::nullopt;
}

// SET ... XX of a key that nobody creates.
std::optional<Executed> trial(const ScriptCall& call) {
  if (call.store.pttl(call.keys[0]) != -2) throw CommandError{"ERR the simulated node knows no such key"};
  append_nil(call.out);
  return std::nullopt;
}

// ---- Which is which

// The script in an EVAL of the program.
std::string script_in(std::string_view bytes) {
  CommandReader reader;
  reader.feed(bytes);
  return reader.next()->words.at(1);
}

std::map<std::string, KnownScript, std::less<>> read_scripts() {
  const redis::Scripts scripts{"k", {}};
  const redis::LockKeys keys{"k"};
  const auto encoded = [&](const quorum::Request& request) {
    return script_in(scripts.encode(request, 0).reveal());
  };
  return {{encoded(quorum::AcquireRequest{}), {ScriptKind::Acquire, acquire}},
          {encoded(quorum::ConfirmRequest{}), {ScriptKind::Confirm, confirm}},
          {encoded(quorum::ExtendRequest{}), {ScriptKind::Extend, extend}},
          {encoded(quorum::ReleaseRequest{}), {ScriptKind::Release, release}},
          {redis::queue_state_script(), {ScriptKind::Other, queue_state}},
          {redis::look_words(keys)[1], {ScriptKind::Other, look}},
          {redis::trial_words()[1], {ScriptKind::Other, trial}}};
}

}  // namespace

std::string_view name_of(ScriptKind kind) {
  switch (kind) {
    case ScriptKind::Acquire: return "acquire";
    case ScriptKind::Confirm: return "confirm";
    case ScriptKind::Extend: return "extend";
    case ScriptKind::Release: return "release";
    case ScriptKind::Other: return "another script";
  }
  return {};
}

KnownScript known_script(std::string_view script) {
  constexpr std::string_view selects = "redis.call('SELECT', ";
  static const auto scripts = read_scripts();
  std::optional<unsigned> db;
  if (script.starts_with(selects)) {
    const std::size_t end = script.find(") ");
    db = static_cast<unsigned>(integer(script.substr(selects.size(), end - selects.size())));
    script.remove_prefix(end + 2);
  }
  const auto found = scripts.find(script);
  if (found == scripts.end()) return {};
  KnownScript known = found->second;
  known.db = db;
  return known;
}

}  // namespace redlock::sim
