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
                        {"since", call.arg(first + 4)},
                        {"note", call.arg(first + 5)},
                        {"names", call.arg(first + 6)}});
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
  append_fields(call.out, info_of(call.store, key, holder,
                                  {"token", "host", "user", "command", "pid", "since", "note", "resting"}));
}

void write_fence(Store& store, std::string_view key, std::string_view token, std::string_view fence) {
  if (info_of(store, key, token, {"token"})[0]) store.hset(key, {{"fence", fence}});
}

// ---- Locks of several names: KEYS in groups of `step`, one for each

struct Group {
  const ScriptCall& call;
  std::size_t step;
  std::string_view waiter;  // empty: none

  std::size_t names() const { return call.keys.size() / step; }
  const std::string& key(std::size_t name, std::size_t which) const { return call.keys[name * step + which]; }
  std::vector<std::string> locks() const {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < names(); ++i) keys.push_back(key(i, 0));
    return keys;
  }
};

// A name that is held or barred.
struct RefusedName {
  std::size_t name;
  std::string holder;
  std::int64_t remaining;
  std::optional<std::vector<Field>> info;  // none: barred
};

std::vector<RefusedName> refusals(const Group& group, std::string_view token, std::vector<Field>& held) {
  Store& store = group.call.store;
  std::vector<RefusedName> refused;
  for (std::size_t i = 0; i < group.names(); ++i) {
    const Field holder = held.emplace_back(store.get(group.key(i, 0)));
    if (holder) {
      auto info = info_of(store, group.key(i, 1), *holder,
                          {"token", "host", "user", "command", "pid", "since", "note", "ttl", "resting"});
      if (*holder != token || info[8])
        refused.push_back({i, *holder, store.pttl(group.key(i, 0)), std::move(info)});
    } else if (!group.waiter.empty()) {
      Field bar;
      pcall([&] { bar = store.get(group.key(i, 3)); });
      if (bar && *bar != group.waiter && store.pttl(group.key(i, 3)) >= 0)
        refused.push_back({i, *bar, store.pttl(group.key(i, 3)), std::nullopt});
    }
  }
  return refused;
}

struct PositionInQueue {
  long long ahead = -1;
  long long waiting = -1;
};

PositionInQueue positions(const Group& group, bool bars = false) {
  PositionInQueue worst{.ahead = 0, .waiting = 0};
  for (std::size_t i = 0; i < group.names(); ++i) {
    std::vector<std::string> queue;
    if (!pcall([&] { queue = group.call.store.zrange(group.key(i, 2)); })) return {};
    if (std::find(queue.begin(), queue.end(), group.waiter) == queue.end()) return {};
    const auto ahead =
        std::count_if(queue.begin(), queue.end(), [&](const auto& other) { return other < group.waiter; });
    if (bars && ahead == 0) pcall([&] { group.call.store.set(group.key(i, 3), group.waiter, 3000); });
    worst = {.ahead = std::max<long long>(worst.ahead, ahead),
             .waiting = std::max(worst.waiting, static_cast<long long>(queue.size()))};
  }
  return worst;
}

PositionInQueue enter_queues(const Group& group, std::string_view life, bool bars) {
  Store& store = group.call.store;
  const auto now = static_cast<double>(store.now_ms());
  for (std::size_t i = 0; i < group.names(); ++i) {
    const std::string& key = group.key(i, 2);
    pcall([&] { store.zrem_up_to(key, now); });
    pcall([&] { store.zadd(key, now + number(life), group.waiter); });
    pcall([&] { store.pexpire(key, integer(life)); });
  }
  return positions(group, bars || group.names() > 1);
}

// Returns the next in the queue; empty: nobody.
std::string leave_queue(const Group& group, std::string_view key, std::string_view in_turn,
                        const std::string& why) {
  const ScriptCall& call = group.call;
  bool was_there = false;
  pcall([&] { was_there = call.store.zrem(key, group.waiter); });
  std::vector<std::string> queue;
  if (!pcall([&] { queue = call.store.zrange(key); })) return {};
  std::sort(queue.begin(), queue.end());
  if (!why.empty() && (!was_there || (queue.size() > 1 && queue[1] < group.waiter))) return {};
  std::string next;
  std::size_t called = 0;
  for (const std::string& other : queue) {
    if (in_turn == "1" && other < group.waiter) {
      pcall([&] { call.store.zrem(key, other); });
    } else if (called < redis::kCalled) {
      if (called == 0) next = other;
      call.publish(std::string{redis::kChannelPrefix} + other, why + std::to_string(called));
      ++called;
    }
  }
  return next;
}

void append_names(std::string& out, const std::vector<RefusedName>& refused) {
  append_array(out, refused.size());
  for (const RefusedName& each : refused) {
    append_array(out, each.info ? 11 : 3);
    append_integer(out, static_cast<long long>(each.name));
    append_bulk(out, each.holder);
    append_integer(out, each.remaining);
    if (each.info) append_fields(out, *each.info);
  }
}

// `more`: elements that follow.
void append_state(std::string& out, bool free, PositionInQueue position,
                  const std::vector<RefusedName>& refused, std::size_t more = 0) {
  append_array(out, 4 + more);
  append_integer(out, free ? 1 : 0);
  append_integer(out, position.ahead);
  append_integer(out, position.waiting);
  append_names(out, refused);
}

// The holders of the slots. KEYS from `first` to before `last`, for each: lock, info.
std::vector<RefusedName> taken(const ScriptCall& call, std::string_view token, std::size_t first,
                               std::size_t last) {
  Store& store = call.store;
  std::vector<RefusedName> slots;
  for (std::size_t i = first; i < last; i += 2) {
    Field holder;
    pcall([&] { holder = store.get(call.keys[i]); });
    if (!holder) continue;
    auto info = info_of(store, call.keys[i + 1], *holder,
                        {"token", "host", "user", "command", "pid", "since", "note", "ttl", "resting"});
    if (*holder != token || info[8])
      slots.push_back({(i - first) / 2 + 1, *holder, store.pttl(call.keys[i]), std::move(info)});
  }
  return slots;
}

// ---- The requests

std::optional<Executed> acquire_as(const ScriptCall& call, bool of_slot) {
  Store& store = call.store;
  const std::string_view token = call.arg(1);
  const std::string_view ttl = call.arg(2);
  const bool waits = call.argv.size() >= 12;
  const Group group{call, of_slot ? call.keys.size() : waits ? 5U : 3U, call.arg(12)};
  const std::size_t fence_key = group.step - 1;
  Executed done{.keys = group.locks(),
                .request = quorum::AcquireRequest{.token = {std::string{token}},
                                                  .ttl = milliseconds_of(ttl),
                                                  .proposal = unsigned_of(call.arg(3))},
                .reply = quorum::Granted{}};
  std::vector<Field> held;
  if (const auto refused = refusals(group, token, held); !refused.empty()) {
    append_state(call.out, false,
                 waits ? enter_queues(group, call.arg(14), call.arg(15) == "1") : PositionInQueue{}, refused,
                 of_slot ? 1 : 0);
    done.reply = quorum::Refused{.holder = {refused.front().holder},
                                 .remaining = std::chrono::milliseconds{refused.front().remaining},
                                 .info = {}};
    return done;
  }
  double fence = number(call.arg(3));
  std::string planted = "0";
  bool already_there = false;
  for (std::size_t i = 0; i < group.names(); ++i) {
    fence = std::max(fence, counter_of(store, group.key(i, fence_key)) + 1);
    if (!held[i]) continue;
    already_there = true;
    const std::string by = info_of(store, group.key(i, 1), token, {"token", "planted"})[1].value_or("0");
    if (by.size() > planted.size() || (by.size() == planted.size() && by > planted)) planted = by;
  }
  if (fence > static_cast<double>(quorum::kMaxFence)) {
    throw CommandError{"ERR the fence counter is not an integer below 2^53"};
  }
  for (std::size_t i = 0; i < group.names(); ++i) {
    store.set(group.key(i, fence_key), text_of(fence), integer(call.arg(4)));
    write_info(call, group.key(i, 1), token, ttl, planted, 5);
  }
  for (std::size_t i = 0; i < group.names(); ++i) {
    store.set(group.key(i, 0), token, integer(ttl));
    if (!waits) continue;
    const std::string next = leave_queue(group, group.key(i, 2), call.arg(13), "");
    pcall([&] { store.del(group.key(i, 3)); });
    if (next > group.waiter && group.names() > 1) pcall([&] { store.set(group.key(i, 3), next, 3000); });
  }
  append_array(call.out, 2U + (already_there ? 1U : 0U) + (of_slot ? 1U : 0U));
  append_integer(call.out, 1);
  append_bulk(call.out, text_of(fence));
  if (already_there) append_integer(call.out, 1);
  done.reply = quorum::Granted{.fence = static_cast<quorum::Fence>(fence), .already_there = already_there};
  return done;
}

std::optional<Executed> acquire(const ScriptCall& call) {
  return acquire_as(call, false);
}

std::optional<Executed> acquire_slot(const ScriptCall& call) {
  auto done = acquire_as(call, true);
  append_names(call.out, taken(call, call.arg(1), call.argv.size() >= 12 ? 4 : 2, call.keys.size() - 1));
  return done;
}

std::optional<Executed> probe_slots(const ScriptCall& call) {
  const Group group{call, call.keys.size(), call.arg(2)};
  const auto slots = taken(call, call.arg(1), 4, call.keys.size());
  const bool free = slots.size() < (call.keys.size() - 4) / 2;
  PositionInQueue position;
  if (call.argv.size() >= 3 && !free) {
    position = enter_queues(group, call.arg(3), false);
  } else if (call.argv.size() >= 2) {
    position = positions(group);
  }
  append_state(call.out, free, position, slots);
  return std::nullopt;
}

std::optional<Executed> probe(const ScriptCall& call) {
  const Group group{call, 4, call.arg(2)};
  std::vector<Field> held;
  const auto refused = refusals(group, call.arg(1), held);
  PositionInQueue position;
  if (call.argv.size() >= 3 && !refused.empty()) {
    position = enter_queues(group, call.arg(3), false);
  } else if (call.argv.size() >= 2) {
    position = positions(group);
  }
  append_state(call.out, refused.empty(), position, refused);
  return std::nullopt;
}

std::optional<Executed> leave(const ScriptCall& call) {
  const Group group{call, 2, call.arg(1)};
  for (std::size_t i = 0; i + 1 < call.keys.size(); i += 2) {
    leave_queue(group, call.keys[i], "0", "left ");
    Field bar;
    pcall([&] { bar = call.store.get(call.keys[i + 1]); });
    if (bar == call.arg(1)) call.store.del(call.keys[i + 1]);
  }
  append_integer(call.out, 1);
  return std::nullopt;
}

std::optional<Executed> confirm(const ScriptCall& call) {
  Store& store = call.store;
  const Group group{call, 3, {}};
  const auto answer = [&](bool accepted) {
    append_integer(call.out, accepted ? 1 : 0);
    return Executed{.keys = group.locks(),
                    .request = quorum::ConfirmRequest{.token = {std::string{call.arg(1)}},
                                                      .fence = unsigned_of(call.arg(2)),
                                                      .granted = unsigned_of(call.arg(4))},
                    .reply = quorum::Confirmed{accepted}};
  };
  const double fence = number(call.arg(2));
  bool accepted = true;
  for (std::size_t i = 0; i < group.names(); ++i) {
    if (store.get(group.key(i, 0)) != call.arg(1)) return answer(false);
    const double counter = counter_of(store, group.key(i, 1));
    if (counter > std::max(fence, number(call.arg(4)))) return answer(false);
    if (counter > fence) accepted = false;
  }
  for (std::size_t i = 0; i < group.names(); ++i) {
    if (accepted) store.set(group.key(i, 1), text_of(fence), integer(call.arg(3)));
    write_fence(store, group.key(i, 2), call.arg(1), call.arg(2));
  }
  return answer(accepted);
}

std::optional<Executed> extend(const ScriptCall& call) {
  Store& store = call.store;
  const Group group{call, 4, {}};
  const std::string_view token = call.arg(1);
  const std::string_view ttl = call.arg(2);
  const std::string_view life = call.arg(4);
  const std::string_view attempt = call.arg(5);
  Executed done{.keys = group.locks(),
                .request = quorum::ExtendRequest{.token = {std::string{token}},
                                                 .ttl = milliseconds_of(ttl),
                                                 .fence = unsigned_of(call.arg(3)),
                                                 .attempt = unsigned_of(attempt),
                                                 .repair = call.arg(6) == "1",
                                                 .vouches = unsigned_of(call.arg(7))},
                .reply = quorum::NotOurs{}};
  std::vector<Field> held;
  int note = 0;
  bool absent = false;
  std::optional<std::size_t> other;
  for (std::size_t i = 0; i < group.names(); ++i) {
    const Field holder = held.emplace_back(store.get(group.key(i, 0)));
    const Field said = store.get(group.key(i, 3));
    if (holder != token || said == "resting") note = std::max(note, said == "broken" ? 2 : said ? 1 : 0);
    if (holder == token) continue;
    if (holder) other = other.value_or(i);
    absent = true;
  }
  if (other || note > 0 || (absent && call.arg(6) != "1")) {
    const std::string holder = other ? *held[*other] : "";
    append_array(call.out, other ? 10 : 3);
    append_integer(call.out, 0);
    append_bulk(call.out, holder);
    append_integer(call.out, note);
    if (other) append_holder_info(call, group.key(*other, 1), holder);
    done.reply = quorum::NotOurs{.holder = {holder}, .released = note == 1, .broken = note == 2};
    return done;
  }
  std::vector<double> counters;
  double greatest = 0;
  for (std::size_t i = 0; i < group.names(); ++i)
    greatest = std::max(greatest, counters.emplace_back(counter_of(store, group.key(i, 2))));

  const auto lacks_info = [&](std::size_t i) {
    const auto info = info_of(store, group.key(i, 1), token, {"token", "planted"});
    return held[i] && !(info[0] && info[1]);
  };
  for (std::size_t i = 0; call.arg(3) == "0" && i < group.names(); ++i) {
    if (!lacks_info(i)) continue;
    append_array(call.out, 4);
    append_integer(call.out, 1);
    append_bulk(call.out, attempt);
    append_bulk(call.out, text_of(greatest));
    append_bulk(call.out, "0");
    done.reply = quorum::Extended{
        .set_by = unsigned_of(attempt), .counter = static_cast<quorum::Fence>(greatest), .fence = 0};
    return done;
  }

  bool whole = !absent;
  Field planted;
  Field final_fence;
  for (std::size_t i = 0; i < group.names(); ++i) {
    if (!held[i]) continue;
    const std::int64_t left = store.pttl(group.key(i, 0));
    const bool later = left >= 0 && left < integer(ttl);
    const auto info = info_of(store, group.key(i, 1), token, {"token", "planted", "ttl", "fence"});
    store.pexpire(group.key(i, 2), integer(life));
    if (later) store.pexpire(group.key(i, 0), integer(ttl));
    if (info[0] && info[1]) {
      if (later) store.pexpire(group.key(i, 1), integer(ttl));
      if (integer(ttl) > integer(info[2].value_or("0"))) store.hset(group.key(i, 1), {{"ttl", ttl}});
      whole = whole && planted.value_or(*info[1]) == *info[1];
      planted = info[1];
      const std::string last = info[3].value_or("0");
      final_fence = final_fence.value_or(last) == last ? last : "0";
    } else {
      write_info(call, group.key(i, 1), token, left > integer(ttl) ? std::to_string(left) : std::string{ttl},
                 attempt, 8);
      whole = false;
    }
  }
  if (!whole) {
    planted = attempt;
    final_fence = "0";
    for (std::size_t i = 0; i < group.names(); ++i) {
      if (held[i] && group.names() > 1) store.hset(group.key(i, 1), {{"planted", attempt}, {"fence", "0"}});
    }
  }
  const std::string found = text_of(greatest);
  if (!absent) {
    if (call.arg(7) != "0" && greatest <= std::max(number(call.arg(3)), number(call.arg(7)))) {
      final_fence = call.arg(3);
      for (std::size_t i = 0; i < group.names(); ++i)
        write_fence(store, group.key(i, 1), token, *final_fence);
    }
    append_array(call.out, 4);
    append_integer(call.out, 1);
    append_bulk(call.out, *planted);
    append_bulk(call.out, found);
    append_bulk(call.out, *final_fence);
    done.reply = quorum::Extended{.set_by = unsigned_of(*planted),
                                  .counter = static_cast<quorum::Fence>(greatest),
                                  .fence = unsigned_of(*final_fence)};
    return done;
  }
  for (std::size_t i = 0; i < group.names(); ++i) {
    if (held[i]) continue;
    store.set(group.key(i, 2), text_of(std::max(counters[i], number(call.arg(3)))), integer(life));
    write_info(call, group.key(i, 1), token, ttl, attempt, 8);
  }
  for (std::size_t i = 0; i < group.names(); ++i) {
    if (!held[i]) store.set(group.key(i, 0), token, integer(ttl));
  }
  append_array(call.out, 2);
  append_integer(call.out, 2);
  append_bulk(call.out, found);
  done.reply = quorum::Restored{static_cast<quorum::Fence>(greatest)};
  return done;
}

// `others`: the info of the first name that is another's; null: none is.
void append_released(const ScriptCall& call, int ours, const std::string* others, std::string_view holder) {
  append_array(call.out, others != nullptr ? 9 : 2);
  append_integer(call.out, ours);
  append_integer(call.out, others != nullptr ? 1 : 0);
  if (others != nullptr) append_holder_info(call, *others, holder);
}

std::optional<Executed> release(const ScriptCall& call) {
  Store& store = call.store;
  const std::string_view token = call.arg(1);
  const bool notes = call.argv.size() >= 2;
  const Group group{call, notes ? 3U : 2U, {}};
  bool all = true;
  std::optional<std::size_t> other;
  std::string holder;
  for (std::size_t i = 0; i < group.names(); ++i) {
    const Field found = store.get(group.key(i, 0));
    double life = notes ? number(call.arg(2)) : 0;
    if (found == token) {
      if (notes) {
        const auto ttl = info_of(store, group.key(i, 1), *found, {"token", "ttl"})[1];
        life = std::max({life, static_cast<double>(store.pttl(group.key(i, 0))), number(ttl.value_or("0"))});
      }
      store.del(group.key(i, 0));
      store.del(group.key(i, 1));
    } else {
      all = false;
      if (found && !other) {
        other = i;
        holder = *found;
      }
    }
    if (!notes) continue;
    life = std::min(life, number(call.arg(3)));
    if (static_cast<double>(store.pttl(group.key(i, 2))) < life) {
      pcall([&] { store.set(group.key(i, 2), call.arg(4), static_cast<std::int64_t>(life)); });
    }
  }
  append_released(call, all ? 1 : 0, other ? &group.key(*other, 1) : nullptr, holder);
  return Executed{.keys = group.locks(),
                  .request = quorum::ReleaseRequest{.token = {std::string{token}},
                                                    .note = notes ? milliseconds_of(call.arg(2))
                                                                  : std::chrono::milliseconds{},
                                                    .breaks = call.arg(4) == "broken"},
                  .reply = quorum::Released{.was_ours = all, .held_by_other = other.has_value()}};
}

std::optional<Executed> rest(const ScriptCall& call) {
  Store& store = call.store;
  const std::string_view token = call.arg(1);
  const std::string_view ttl = call.arg(2);
  const Group group{call, 4, {}};
  bool all = true;
  std::optional<std::size_t> other;
  std::string holder;
  bool by_hand = false;
  for (std::size_t i = 0; i < group.names(); ++i) {
    const Field found = store.get(group.key(i, 0));
    const std::string& info = group.key(i, 1);
    if (found == token) {
      store.pexpire(group.key(i, 0), integer(ttl));
      pcall([&] { store.pexpire(group.key(i, 2), integer(call.arg(4))); });
      if (!info_of(store, info, token, {"token"})[0]) pcall([&] { store.del(info); });
      pcall([&] { store.hset(info, {{"token", token}, {"ttl", ttl}, {"resting", call.arg(3)}}); });
      pcall([&] { store.pexpire(info, integer(ttl)); });
    } else {
      all = false;
      if (found && !other) {
        other = i;
        holder = *found;
      }
    }
    if (found != token) {
      Field said;
      pcall([&] { said = store.get(group.key(i, 3)); });
      by_hand = by_hand || (said && *said != "broken" && *said != "resting");
    }
    const auto life = std::max(store.pttl(group.key(i, 3)), integer(call.arg(5)));
    pcall([&] { store.set(group.key(i, 3), "resting", life); });
  }
  append_released(call, by_hand ? 2 : all ? 1 : 0, other ? &group.key(*other, 1) : nullptr, holder);
  const quorum::Rest left{.length = milliseconds_of(ttl), .status = static_cast<int>(integer(call.arg(3)))};
  return Executed{
      .keys = group.locks(),
      .request =
          quorum::ReleaseRequest{
              .token = {std::string{token}}, .note = milliseconds_of(call.arg(5)), .rest = left},
      .reply = quorum::Released{.was_ours = all, .held_by_other = other.has_value(), .by_hand = by_hand}};
}

// ---- Those who look

std::optional<Executed> look(const ScriptCall& call) {
  Store& store = call.store;
  Field holder;
  try {
    holder = store.get(call.keys[0]);
  } catch (const CommandError& error) {
    append_array(call.out, 2);
    append_bulk(call.out, "GET");
    append_bulk(call.out, error.text);
    return std::nullopt;
  }
  append_array(call.out, 14);
  std::size_t waiting = 0;
  pcall([&] { waiting = store.zcard(call.keys[3]); });
  if (!holder) {
    Field bar;
    pcall([&] { bar = store.get(call.keys[4]); });
    if (store.pttl(call.keys[4]) < 0) bar.reset();
    append_nil(call.out);
    append_integer(call.out, 0);
    append_bulk(call.out, "0");
    append_integer(call.out, static_cast<long long>(waiting));
    for (int i = 0; i < 9; ++i) append_bulk(call.out, "");
    append_bulk(call.out, bar.value_or(""));
    return std::nullopt;
  }
  const auto info =
      info_of(store, call.keys[1], *holder,
              {"token", "host", "user", "command", "pid", "since", "note", "ttl", "names", "resting"});
  Field fence;
  pcall([&] { fence = store.get(call.keys[2]); });
  append_bulk(call.out, *holder);
  append_integer(call.out, store.pttl(call.keys[0]));
  append_bulk(call.out, fence.value_or("0"));
  append_integer(call.out, static_cast<long long>(waiting));
  append_fields(call.out, info);
  append_bulk(call.out, "");
  return std::nullopt;
}

// Commands on keys that nobody creates, and on a node whose user may do all.
std::optional<Executed> trial(const ScriptCall& call) {
  if (call.store.pttl(call.keys[0]) != -2) throw CommandError{"ERR the simulated node knows no such key"};
  append_array(call.out, 0);
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
  const redis::Scripts scripts{{redis::LockKeys{"k"}}, {}};
  const redis::LockKeys keys{"k"};
  const auto encoded = [&](const quorum::Request& request) {
    return script_in(scripts.encode(request, 0).reveal());
  };
  const redis::Scripts of_slots{{redis::LockKeys{"k", 1}}, {}};
  quorum::AcquireRequest slot_request{};
  slot_request.slot = 1;
  const std::string encoded_slot = script_in(of_slots.encode(slot_request, 0).reveal());
  return {{encoded(quorum::AcquireRequest{}), {ScriptKind::Acquire, acquire}},
          {encoded_slot, {ScriptKind::Acquire, acquire_slot}},
          {redis::probe_script(), {ScriptKind::Other, probe}},
          {redis::probe_slots_script(), {ScriptKind::Other, probe_slots}},
          {redis::leave_script(), {ScriptKind::Other, leave}},
          {encoded(quorum::ConfirmRequest{}), {ScriptKind::Confirm, confirm}},
          {encoded(quorum::ExtendRequest{}), {ScriptKind::Extend, extend}},
          {encoded(quorum::ReleaseRequest{}), {ScriptKind::Release, release}},
          {encoded(quorum::ReleaseRequest{.token = {}, .rest = quorum::Rest{}}), {ScriptKind::Release, rest}},
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
