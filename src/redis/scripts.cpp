#include "redis/scripts.hpp"

#include "base/overload.hpp"
#include "redis/queue.hpp"
#include "redis/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::redis {
namespace {

// Lua numbers are doubles: every integer up to 2^53 is exact, but only '%.0f' writes one without an exponent.
// A counter that is no such integer was not written by redlock; granting on top of it could repeat a fence.
constexpr std::string_view kCounterLua = R"lua(
local function counter_of(key)
  local text = redis.call('GET', key) or '0'
  if #text > 16 or not string.find(text, '^%d+$') then return nil end
  return tonumber(text)
end
local function write_counter(key, counter, life)
  redis.call('SET', key, string.format('%.0f', counter), 'PX', life)
end
local bad_counter = {err = 'ERR the fence counter is not an integer below 2^53'}
)lua";

// Information for people is read by redis.pcall: a key that is no hash, or an ACL that forbids the command, changes no
// answer. The number of a planting is more than information: a key that is no hash counts as none, and any other error is
// raised again by redis.call, which names the command.
constexpr std::string_view kInfoLua = R"lua(
local function write_info(key, token, ttl, planted, first)
  redis.call('DEL', key)
  redis.call('HSET', key, 'token', token, 'planted', planted, 'ttl', ttl, 'host', ARGV[first],
    'user', ARGV[first + 1], 'command', ARGV[first + 2], 'pid', ARGV[first + 3], 'since', ARGV[first + 4])
  redis.call('PEXPIRE', key, ttl)
end
)lua";

// A refusal names the holder, what it wrote down of itself, and the position of the waiter that asks.
constexpr std::string_view kRefusalLua = R"lua(
local function refusal(holder, ahead, waiting)
  local info = redis.pcall('HMGET', KEYS[2], 'token', 'host', 'user', 'command', 'pid', 'since', 'ttl')
  if info.err or info[1] ~= holder then info = {} end
  return {0, holder, redis.call('PTTL', KEYS[1]),
    info[2] or '', info[3] or '', info[4] or '', info[5] or '', info[6] or '', info[7] or '', ahead, waiting}
end
local function position(key, waiter)
  local queue, ahead, there = redis.pcall('ZRANGE', key, 0, -1), 0, false
  if queue.err then return -1, -1 end
  for _, other in ipairs(queue) do
    if other < waiter then ahead = ahead + 1 end
    if other == waiter then there = true end
  end
  if not there then return -1, -1 end
  return ahead, #queue
end
)lua";

// The queue: a sorted set of waiters, whose names sort by when they began, with the milliseconds of the node's clock at
// which each is taken for dead. Where the ACL, or what is there, allows no queue, there is none. A grant to a waiter takes
// it out of the queue and calls the next two on channels of their own, so that those behind need not hear of each change.
constexpr std::string_view kQueueLua = R"lua(
local function enter_queue(key, waiter, life)
  local time = redis.pcall('TIME')
  if time.err then return -1, -1 end
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.pcall('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
  redis.pcall('ZADD', key, string.format('%.0f', now + life), waiter)
  redis.pcall('PEXPIRE', key, life)
  return position(key, waiter)
end
local function leave_queue(key, waiter, in_turn)
  redis.pcall('ZREM', key, waiter)
  local queue = redis.pcall('ZRANGE', key, 0, -1)
  if queue.err then return end
  local first, second
  for _, other in ipairs(queue) do
    if in_turn == '1' and other < waiter then
      redis.pcall('ZREM', key, other)
    elseif not first or other < first then
      first, second = other, first
    elseif not second or other < second then
      second = other
    end
  end
  if first then redis.pcall('PUBLISH', channel .. first, 0) end
  if second then redis.pcall('PUBLISH', channel .. second, 1) end
end
)lua";

// The lock key comes last: a script that fails half-way leaves no lock without a fence behind.
// KEYS: lock, info, fence, and of a waiter: queue. ARGV: token, ttl, proposal, life of the counter, holder, and of a
// waiter: name, whether it is its turn, life of a position in the queue.
constexpr std::string_view kAcquireLua = R"lua(
local token, ttl = ARGV[1], ARGV[2]
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= token then
  if not ARGV[10] then return refusal(holder, -1, -1) end
  return refusal(holder, enter_queue(KEYS[4], ARGV[10], tonumber(ARGV[12])))
end
local counter = counter_of(KEYS[3])
if not counter then return bad_counter end
local fence = math.max(counter + 1, tonumber(ARGV[3]))
if fence > 9007199254740991 then return bad_counter end
write_counter(KEYS[3], fence, ARGV[4])
local planted = '0'
if holder then
  local info = redis.pcall('HMGET', KEYS[2], 'token', 'planted')
  if info.err and not string.find(info.err, 'WRONGTYPE') then redis.call('HMGET', KEYS[2], 'token') end
  if not info.err and info[1] == token and info[2] then planted = info[2] end
end
write_info(KEYS[2], token, ttl, planted, 5)
redis.call('SET', KEYS[1], token, 'PX', ttl)
if ARGV[10] then leave_queue(KEYS[4], ARGV[10], ARGV[11]) end
return {1, string.format('%.0f', fence)}
)lua";

// KEYS: lock, info, queue. ARGV: the waiter's name.
constexpr std::string_view kQueueStateLua = R"lua(
local holder = redis.call('GET', KEYS[1])
if holder then return refusal(holder, position(KEYS[3], ARGV[1])) end
return {1, position(KEYS[3], ARGV[1])}
)lua";

// Writes the final fence down beside the token for which it was granted.
constexpr std::string_view kFenceLua = R"lua(
local function write_fence(key, token, fence)
  local info = redis.pcall('HMGET', key, 'token')
  if not info.err and info[1] == token then redis.call('HSET', key, 'fence', fence) end
end
)lua";

// KEYS: lock, fence, info. ARGV: token, fence, life of the counter, what was granted.
constexpr std::string_view kConfirmLua = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local counter = counter_of(KEYS[2])
if not counter then return bad_counter end
local fence = tonumber(ARGV[2])
if counter > math.max(fence, tonumber(ARGV[4])) then return 0 end
if counter <= fence then write_counter(KEYS[2], fence, ARGV[3]) end
write_fence(KEYS[3], ARGV[1], ARGV[2])
return counter <= fence and 1 or 0
)lua";

// What the present holder wrote down of itself.
constexpr std::string_view kHolderLua = R"lua(
local function holder_info(key, holder)
  local info = redis.pcall('HMGET', key, 'token', 'host', 'user', 'command', 'pid', 'since')
  if info.err or info[1] ~= holder then info = {} end
  return info[2] or '', info[3] or '', info[4] or '', info[5] or '', info[6] or ''
end
)lua";

// No extension shortens a lease, whoever asks for it: an expiry only moves to later. What may be refused for want of memory
// comes behind the first PEXPIRE: a script that has written may go on.
// KEYS: lock, info, fence, note. ARGV: token, ttl, fence, life of the counter, attempt, whether to repair, the counter up
// to which the sender vouches for the token, holder.
constexpr std::string_view kExtendLua = R"lua(
local token, ttl, life, attempt = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local holder = redis.call('GET', KEYS[1])
if holder ~= token then
  local said = redis.call('GET', KEYS[4])
  local note = said == 'broken' and 2 or said and 1 or 0
  if holder then return {0, holder, note, holder_info(KEYS[2], holder)} end
  if said or ARGV[6] ~= '1' then return {0, '', note} end
end
local counter = counter_of(KEYS[3])
if not counter then return bad_counter end
local found = string.format('%.0f', counter)
if holder then
  local left = redis.call('PTTL', KEYS[1])
  local later = left >= 0 and left < tonumber(ttl)
  local info = redis.pcall('HMGET', KEYS[2], 'token', 'planted', 'ttl', 'fence')
  if info.err and not string.find(info.err, 'WRONGTYPE') then redis.call('HMGET', KEYS[2], 'token') end
  local planted, final = info[2], info[4] or '0'
  redis.call('PEXPIRE', KEYS[3], life)
  if later then redis.call('PEXPIRE', KEYS[1], ttl) end
  if not info.err and info[1] == token and planted then
    if later then redis.call('PEXPIRE', KEYS[2], ttl) end
    if tonumber(ttl) > (tonumber(info[3]) or 0) then redis.call('HSET', KEYS[2], 'ttl', ttl) end
  else
    planted, final = attempt, '0'
    write_info(KEYS[2], token, left > tonumber(ttl) and left or ttl, planted, 8)
  end
  if ARGV[7] ~= '0' and counter <= math.max(tonumber(ARGV[3]), tonumber(ARGV[7])) then
    final = ARGV[3]
    write_fence(KEYS[2], token, final)
  end
  return {1, planted, found, final}
end
write_counter(KEYS[3], math.max(counter, tonumber(ARGV[3])), life)
write_info(KEYS[2], token, ttl, attempt, 8)
redis.call('SET', KEYS[1], token, 'PX', ttl)
return {2, found}
)lua";

// The note comes last, and may fail: where memory is short, to delete the key is what counts.
// KEYS: lock, info, and the note, if one is to be left. ARGV: token, and of the note: its least life, its greatest, what it says.
constexpr std::string_view kReleaseLua = R"lua(
local holder = redis.call('GET', KEYS[1])
local life = KEYS[3] and tonumber(ARGV[2])
if holder == ARGV[1] then
  if life then
    local info = redis.pcall('HMGET', KEYS[2], 'token', 'ttl')
    local ttl = not info.err and info[1] == holder and tonumber(info[2])
    for _, at_least in ipairs({redis.call('PTTL', KEYS[1]), ttl or 0}) do
      if at_least > life then life = at_least end
    end
  end
  redis.call('DEL', KEYS[1], KEYS[2])
end
if life then
  life = math.min(life, tonumber(ARGV[3]))
  if redis.call('PTTL', KEYS[3]) < life then
    redis.pcall('SET', KEYS[3], ARGV[4], 'PX', string.format('%.0f', life))
  end
end
if holder == ARGV[1] then return {1, 0} end
if holder then return {0, 1, holder_info(KEYS[2], holder)} end
return {0, 0}
)lua";

// A comment costs bytes on every flight, so the scripts carry none.
const std::string& acquire_script() {
  static const std::string script = fmt::format("local channel = '{}'{}{}{}{}{}", kChannelPrefix, kCounterLua,
                                                kInfoLua, kRefusalLua, kQueueLua, kAcquireLua);
  return script;
}
const std::string& confirm_script() {
  static const std::string script = fmt::format("{}{}{}", kCounterLua, kFenceLua, kConfirmLua);
  return script;
}
const std::string& extend_script() {
  static const std::string script =
      fmt::format("{}{}{}{}{}", kCounterLua, kInfoLua, kHolderLua, kFenceLua, kExtendLua);
  return script;
}
const std::string& release_script() {
  static const std::string script = fmt::format("{}{}", kHolderLua, kReleaseLua);
  return script;
}

std::string_view script_of(RequestKind kind) {
  switch (kind) {
    case RequestKind::Acquire: return acquire_script();
    case RequestKind::Confirm: return confirm_script();
    case RequestKind::Extend: return extend_script();
    case RequestKind::Release: return release_script();
  }
  return {};
}

// The words of an EVAL. Numbers become text that lives as long as the object.
class Eval {
 public:
  Eval(std::string_view script, std::initializer_list<std::string_view> keys) {
    words_.reserve(20);
    numbers_.reserve(10);
    words_.insert(words_.end(), {"EVAL", script});
    number(keys.size());
    words_.insert(words_.end(), keys);
  }

  Eval& text(std::string_view text) {
    words_.push_back(text);
    return *this;
  }
  Eval& number(std::uint64_t value) {
    words_.push_back(
        numbers_.emplace_back(std::to_string(value)));  // within the reserved room: stays in place
    return *this;
  }
  Eval& duration(std::chrono::milliseconds duration) {
    return number(static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(duration.count(), 1)));
  }
  Eval& holder(const quorum::HolderInfo& info) {
    return text(info.host).text(info.user).text(info.command).number(info.pid).number(info.since_us);
  }

  Secret format(unsigned db) {
    if (db == 0) return format_command(words_);
    const std::string script = fmt::format("redis.call('SELECT', {}) {}", db, words_[1]);
    words_[1] = script;
    return format_command(words_);
  }

 private:
  std::vector<std::string_view> words_;
  std::vector<std::string> numbers_;
};

}  // namespace

RequestKind kind_of(const quorum::Request& request) {
  return std::visit(Overload{[](const quorum::AcquireRequest&) { return RequestKind::Acquire; },
                             [](const quorum::ConfirmRequest&) { return RequestKind::Confirm; },
                             [](const quorum::ExtendRequest&) { return RequestKind::Extend; },
                             [](const quorum::ReleaseRequest&) { return RequestKind::Release; }},
                    request);
}

std::string_view command_in_script(RequestKind kind, std::size_t line) {
  constexpr std::string_view redis_call = "call('";  // or pcall
  std::string_view rest = script_of(kind);
  for (std::size_t number = 1; number < line; ++number) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
  rest = rest.substr(0, rest.find('\n'));
  const std::size_t call = rest.find(redis_call);
  if (line == 0 || call == std::string_view::npos) return {};
  rest.remove_prefix(call + redis_call.size());
  return rest.substr(0, rest.find('\''));
}

const std::string& queue_state_script() {
  static const std::string script = fmt::format("{}{}", kRefusalLua, kQueueStateLua);
  return script;
}

Scripts::Scripts(const std::string& key, quorum::HolderInfo holder) : keys_{key}, holder_{std::move(holder)} {
  for (std::string* text : {&holder_.host, &holder_.user, &holder_.command}) {
    if (text->size() > kMaxInfoText) text->resize(kMaxInfoText);
  }
}

Secret Scripts::encode(const quorum::Request& request, unsigned db) const {
  return std::visit(
      Overload{[&](const quorum::AcquireRequest& acquire) {
                 const std::string waiter = acquire.waiter ? name_in_queue(*acquire.waiter) : "";
                 Eval eval = acquire.waiter
                                 ? Eval{acquire_script(), {keys_.lock, keys_.info, keys_.fence, keys_.queue}}
                                 : Eval{acquire_script(), {keys_.lock, keys_.info, keys_.fence}};
                 eval.text(acquire.token.value)
                     .duration(acquire.ttl)
                     .number(acquire.proposal)
                     .duration(kFenceLife)
                     .holder(holder_);
                 if (acquire.waiter)
                   eval.text(waiter).number(acquire.in_turn ? 1 : 0).duration(kPositionLife);
                 return eval.format(db);
               },
               [&](const quorum::ConfirmRequest& confirm) {
                 return Eval{confirm_script(), {keys_.lock, keys_.fence, keys_.info}}
                     .text(confirm.token.value)
                     .number(confirm.fence)
                     .duration(kFenceLife)
                     .number(confirm.granted)
                     .format(db);
               },
               [&](const quorum::ExtendRequest& extend) {
                 const std::string note = keys_.note(extend.token.value);
                 return Eval{extend_script(), {keys_.lock, keys_.info, keys_.fence, note}}
                     .text(extend.token.value)
                     .duration(extend.ttl)
                     .number(extend.fence)
                     .duration(kFenceLife)
                     .number(extend.attempt)
                     .number(extend.repair ? 1 : 0)
                     .number(extend.vouches)
                     .holder(holder_)
                     .format(db);
               },
               [&](const quorum::ReleaseRequest& release) {
                 const std::string& script = release_script();
                 if (release.note.count() <= 0)
                   return Eval{script, {keys_.lock, keys_.info}}.text(release.token.value).format(db);
                 const std::string note = keys_.note(release.token.value);
                 return Eval{script, {keys_.lock, keys_.info, note}}
                     .text(release.token.value)
                     .duration(release.note)
                     .duration(kFenceLife)
                     .text(release.breaks ? "broken" : "released")
                     .format(db);
               }},
      request);
}

}  // namespace redlock::redis
