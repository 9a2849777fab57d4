#include "redis/scripts.hpp"

#include "base/overload.hpp"
#include "redis/queue.hpp"
#include "redis/wire.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
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
// raised again by redis.call, which names the command. The first PEXPIRE, which deletes, is there for the right to it: were that
// missed behind the HSET, the hash would never expire.
constexpr std::string_view kInfoLua = R"lua(
local function write_info(key, token, ttl, planted, first)
  redis.call('PEXPIRE', key, 0)
  redis.call('DEL', key)
  redis.call('HSET', key, 'token', token, 'planted', planted, 'ttl', ttl, 'host', ARGV[first],
    'user', ARGV[first + 1], 'command', ARGV[first + 2], 'pid', ARGV[first + 3], 'since', ARGV[first + 4],
    'note', ARGV[first + 5], 'names', ARGV[first + 6])
  redis.call('PEXPIRE', key, ttl)
end
)lua";

// A lock may have several names: then all of this is about all of them, `step` keys for each. A refusal tells of each name
// that is held who holds it, and what the holder wrote down of itself; and of each that is kept for another waiter who.
// Those are no business of a client that does not wait, and a bar without an end is none of redlock's. A lock that rests is
// refused to its own token, too: an acquire that comes so late must not shorten the rest.
// KEYS: lock, info, and of a waiter: queue, bar, and what is the script's own.
constexpr std::string_view kRefusalLua = R"lua(
local function refusals(token, held)
  local refused = {}
  for i = 1, #KEYS, step do
    local holder = redis.call('GET', KEYS[i])
    held[i] = holder
    if holder then
      local info = redis.pcall('HMGET', KEYS[i + 1], 'token', 'host', 'user', 'command', 'pid', 'since', 'note', 'ttl', 'resting')
      if info.err or info[1] ~= holder then info = {} end
      local left = redis.pcall('PTTL', KEYS[i])
      if type(left) ~= 'number' then left = tonumber(info[8]) or -1 end
      if holder ~= token or info[9] then
        refused[#refused + 1] = {(i - 1) / step, holder, left, info[2] or '', info[3] or '',
          info[4] or '', info[5] or '', info[6] or '', info[7] or '', info[8] or '', info[9] or ''}
      end
    elseif waiter then
      local bar = redis.pcall('GET', KEYS[i + 3])
      local left = redis.pcall('PTTL', KEYS[i + 3])
      if type(bar) == 'string' and bar ~= waiter and type(left) == 'number' and left >= 0 then
        refused[#refused + 1] = {(i - 1) / step, bar, left}
      end
    end
  end
  return refused
end
)lua";

// The queue: a sorted set of waiters, whose names sort by when they began, with the milliseconds of the node's clock at
// which each is taken for dead. There is no queue if the ACL, or what is there, forbids it. A waiter for several names
// stands in all their queues; its position is the worst. It would starve if others took one name after the other, so it bars
// each name in whose queue it is the first: see LockKeys::bar. So does a first that was passed over, and says so.
constexpr std::string_view kEnterQueueLua = R"lua(
local function positions(bars)
  local most_ahead, most_waiting = 0, 0
  for i = 1, #KEYS, step do
    local queue, ahead, there = redis.pcall('ZRANGE', KEYS[i + 2], 0, -1), 0, false
    if queue.err then return -1, -1 end
    for _, other in ipairs(queue) do
      if other < waiter then ahead = ahead + 1 end
      if other == waiter then there = true end
    end
    if not there then return -1, -1 end
    if bars and ahead == 0 then redis.pcall('SET', KEYS[i + 3], waiter, 'PX', 3000) end
    most_ahead, most_waiting = math.max(most_ahead, ahead), math.max(most_waiting, #queue)
  end
  return most_ahead, most_waiting
end
local function enter_queues(life, bars)
  local time = redis.pcall('TIME')
  if time.err then return -1, -1 end
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  for i = 1, #KEYS, step do
    redis.pcall('ZREMRANGEBYSCORE', KEYS[i + 2], '-inf', string.format('%.0f', now))
    redis.pcall('ZADD', KEYS[i + 2], string.format('%.0f', now + life), waiter)
    redis.pcall('PEXPIRE', KEYS[i + 2], life)
  end
  return positions(bars == '1' or #KEYS > step)
end
)lua";

// The holders of the slots, as refusals() tells of names. KEYS from `first` to `last`, for each slot: lock, info.
constexpr std::string_view kSlotsLua = R"lua(
local function taken(token, first, last)
  local slots = {}
  for i = first, last, 2 do
    local holder = redis.pcall('GET', KEYS[i])
    if type(holder) == 'string' then
      local info = redis.pcall('HMGET', KEYS[i + 1], 'token', 'host', 'user', 'command', 'pid', 'since', 'note', 'ttl', 'resting')
      if info.err or info[1] ~= holder then info = {} end
      local left = redis.pcall('PTTL', KEYS[i])
      if type(left) ~= 'number' then left = tonumber(info[8]) or -1 end
      if holder ~= token or info[9] then
        slots[#slots + 1] = {(i - first) / 2 + 1, holder, left, info[2] or '', info[3] or '',
          info[4] or '', info[5] or '', info[6] or '', info[7] or '', info[8] or '', info[9] or ''}
      end
    end
  end
  return slots
end
)lua";

// A waiter that is granted the lock, or gives up (`why` is not empty), leaves the queue. If others move up by that, the next
// two are called on channels of their own, so that those behind need not hear of each change. Returns the next.
constexpr std::string_view kLeaveQueueLua = R"lua(
local function leave_queue(key, in_turn, why)
  local was_there = redis.pcall('ZREM', key, waiter) == 1
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
  if why ~= '' and (not was_there or second and second < waiter) then return end
  if first then redis.pcall('PUBLISH', channel .. first, why .. 0) end
  if second then redis.pcall('PUBLISH', channel .. second, why .. 1) end
  return first
end
)lua";

// The lock keys come last: a script that fails half-way leaves no lock without a fence behind. A right that only the
// extensions need must be there before anything is set: otherwise the command would be stopped half-way. A token that is there on
// some of its names only counts as set by whatever has set it last. A grant of several names may be over before the next
// waiter has learned of it, so it bars each name for the next in its queue; but not for one that was passed over, which may
// be dead.
// KEYS, for each name: lock, info, of a waiter also queue and bar, fence. ARGV: token, ttl, proposal, life of the counter,
// holder, and of a waiter: name, whether it is its turn, life of a position in the queue, whether it bars.
constexpr std::string_view kAcquireBeginLua = "local waiter = ARGV[12] local step = waiter and 5 or 3";
constexpr std::string_view kAcquireLua = R"lua(
local token, ttl, held = ARGV[1], ARGV[2], {}
local refused = refusals(token, held)
if refused[1] then
  if not waiter then return {0, -1, -1, refused} end
  local ahead, waiting = enter_queues(tonumber(ARGV[14]), ARGV[15])
  return {0, ahead, waiting, refused}
end
local fence, planted, there = tonumber(ARGV[3]), '0', nil
redis.call('PTTL', KEYS[1])
for i = 1, #KEYS, step do
  local counter = counter_of(KEYS[i + step - 1])
  if not counter then return bad_counter end
  fence = math.max(fence, counter + 1)
  local info = redis.pcall('HMGET', KEYS[i + 1], 'token', 'planted')
  if info.err and not string.find(info.err, 'WRONGTYPE') then redis.call('HMGET', KEYS[i + 1], 'token') end
  if held[i] then
    there = 1
    local by = not info.err and info[1] == token and info[2] or '0'
    if #by > #planted or #by == #planted and by > planted then planted = by end
  end
end
if fence > 9007199254740991 then return bad_counter end
for i = 1, #KEYS, step do
  write_counter(KEYS[i + step - 1], fence, ARGV[4])
  write_info(KEYS[i + 1], token, ttl, planted, 5)
end
for i = 1, #KEYS, step do
  redis.call('SET', KEYS[i], token, 'PX', ttl)
  if waiter then
    local first = leave_queue(KEYS[i + 2], ARGV[13], '')
    redis.pcall('DEL', KEYS[i + 3])
    if first and first > waiter and #KEYS > step then redis.pcall('SET', KEYS[i + 3], first, 'PX', 3000) end
  end
end
return {1, string.format('%.0f', fence), there}
)lua";

// The same of one slot, as of a lock with one name, whose `step` is all of KEYS; with what is taken behind the answer.
// KEYS: lock, info, of a waiter also queue and bar, lock and info of each slot, fence. ARGV: as above.
constexpr std::string_view kAcquireSlotBeginLua = "local waiter, step = ARGV[12], #KEYS";
constexpr std::string_view kAcquireSlotEndLua = R"lua(
end
local answer = acquire()
if not answer.err then answer[#answer + 1] = taken(ARGV[1], waiter and 5 or 3, #KEYS - 1) end
return answer
)lua";

// KEYS, for each name: lock, info, queue, bar. ARGV: token, and of a waiter: name, and of one that enters the queue where
// the lock is held: life of a position in it.
constexpr std::string_view kProbeBeginLua = "local waiter, step = ARGV[2], 4";
constexpr std::string_view kProbeLua = R"lua(
local refused = refusals(ARGV[1], {})
local ahead, waiting = -1, -1
if waiter and ARGV[3] and refused[1] then
  ahead, waiting = enter_queues(tonumber(ARGV[3]))
elseif waiter then
  ahead, waiting = positions()
end
return {refused[1] and 0 or 1, ahead, waiting, refused}
)lua";

// KEYS: lock, info, queue, bar, lock and info of each slot. ARGV: as above.
constexpr std::string_view kProbeSlotsBeginLua = "local waiter, step = ARGV[2], #KEYS";
constexpr std::string_view kProbeSlotsLua = R"lua(
local slots = taken(ARGV[1], 5, #KEYS)
local free = #slots < (#KEYS - 4) / 2
local ahead, waiting = -1, -1
if waiter and ARGV[3] and not free then
  ahead, waiting = enter_queues(tonumber(ARGV[3]))
elseif waiter then
  ahead, waiting = positions()
end
return {free and 1 or 0, ahead, waiting, slots}
)lua";

// KEYS, for each name: queue, bar. ARGV: the waiter's name.
constexpr std::string_view kLeaveLua = R"lua(
for i = 1, #KEYS, 2 do
  leave_queue(KEYS[i], '0', 'left ')
  if redis.pcall('GET', KEYS[i + 1]) == waiter then redis.call('DEL', KEYS[i + 1]) end
end
return 1
)lua";

// Writes the final fence down beside the token for which it was granted.
constexpr std::string_view kFenceLua = R"lua(
local function write_fence(key, token, fence)
  local info = redis.pcall('HMGET', key, 'token')
  if not info.err and info[1] == token then redis.call('HSET', key, 'fence', fence) end
end
)lua";

// KEYS, for each name: lock, fence, info. ARGV: token, fence, life of the counter, what was granted.
constexpr std::string_view kConfirmLua = R"lua(
local fence, accepted = tonumber(ARGV[2]), 1
for i = 1, #KEYS, 3 do
  if redis.call('GET', KEYS[i]) ~= ARGV[1] then return 0 end
  local counter = counter_of(KEYS[i + 1])
  if not counter then return bad_counter end
  if counter > math.max(fence, tonumber(ARGV[4])) then return 0 end
  if counter > fence then accepted = 0 end
end
for i = 1, #KEYS, 3 do
  if accepted == 1 then write_counter(KEYS[i + 1], fence, ARGV[3]) end
  write_fence(KEYS[i + 2], ARGV[1], ARGV[2])
end
return accepted
)lua";

// What the present holder wrote down of itself.
constexpr std::string_view kHolderLua = R"lua(
local function holder_info(key, holder)
  local info = redis.pcall('HMGET', key, 'token', 'host', 'user', 'command', 'pid', 'since', 'note', 'resting')
  if info.err or info[1] ~= holder then info = {} end
  return info[2] or '', info[3] or '', info[4] or '', info[5] or '', info[6] or '', info[7] or '', info[8] or ''
end
)lua";

// No extension shortens a lease, whoever asks for it: an expiry only moves to later. The commands that may be refused for want
// of memory come behind the first PEXPIRE: a script that has written may go on. If one name is another's, nothing is touched.
// Absent ones are set; the token then counts as set anew on the others, too: it was not there whole. A token that rests is
// nobody's any more, although it is there. Without a fence it is a question: a token that redlock has not set there, or whose
// info is gone, cannot be judged, and nothing is written.
// KEYS, for each name: lock, info, fence, note. ARGV: token, ttl, fence, life of the counter, attempt, whether to repair, the
// counter up to which the sender vouches for the token, holder.
constexpr std::string_view kExtendLua = R"lua(
local token, ttl, life, attempt = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local held, counters, greatest, note, absent, other = {}, {}, 0, 0, false, nil
for i = 1, #KEYS, 4 do
  held[i] = redis.call('GET', KEYS[i])
  local said = redis.call('GET', KEYS[i + 3])
  if held[i] ~= token or said == 'resting' then note = math.max(note, said == 'broken' and 2 or said and 1 or 0) end
  if held[i] ~= token then
    if held[i] then other = other or i end
    absent = true
  end
end
if other then return {0, held[other], note, holder_info(KEYS[other + 1], held[other])} end
if note > 0 or absent and ARGV[6] ~= '1' then return {0, '', note} end
for i = 1, #KEYS, 4 do
  counters[i] = counter_of(KEYS[i + 2])
  if not counters[i] then return bad_counter end
  greatest = math.max(greatest, counters[i])
end
if ARGV[3] == '0' then
  for i = 1, #KEYS, 4 do
    local info = redis.pcall('HMGET', KEYS[i + 1], 'token', 'planted')
    if info.err and not string.find(info.err, 'WRONGTYPE') then redis.call('HMGET', KEYS[i + 1], 'token') end
    if held[i] and (info.err or info[1] ~= token or not info[2]) then return {1, attempt, string.format('%.0f', greatest), '0'} end
  end
end
local whole, planted, final = not absent, nil, nil
for i = 1, #KEYS, 4 do
  if held[i] then
    local left = redis.call('PTTL', KEYS[i])
    local later = left >= 0 and left < tonumber(ttl)
    local info = redis.pcall('HMGET', KEYS[i + 1], 'token', 'planted', 'ttl', 'fence')
    if info.err and not string.find(info.err, 'WRONGTYPE') then redis.call('HMGET', KEYS[i + 1], 'token') end
    redis.call('PEXPIRE', KEYS[i + 2], life)
    if later then redis.call('PEXPIRE', KEYS[i], ttl) end
    if not info.err and info[1] == token and info[2] then
      if later then redis.call('PEXPIRE', KEYS[i + 1], ttl) end
      if tonumber(ttl) > (tonumber(info[3]) or 0) then redis.call('HSET', KEYS[i + 1], 'ttl', ttl) end
      local last = info[4] or '0'
      whole = whole and (planted or info[2]) == info[2]
      planted = info[2]
      final = (final or last) == last and last or '0'
    else
      write_info(KEYS[i + 1], token, left > tonumber(ttl) and left or ttl, attempt, 8)
      whole = false
    end
  end
end
if not whole then
  planted, final = attempt, '0'
  for i = 1, #KEYS, 4 do
    if held[i] and #KEYS > 4 then redis.call('HSET', KEYS[i + 1], 'planted', attempt, 'fence', 0) end
  end
end
local found = string.format('%.0f', greatest)
if not absent then
  if ARGV[7] ~= '0' and greatest <= math.max(tonumber(ARGV[3]), tonumber(ARGV[7])) then
    final = ARGV[3]
    for i = 1, #KEYS, 4 do write_fence(KEYS[i + 1], token, final) end
  end
  return {1, planted, found, final}
end
for i = 1, #KEYS, 4 do
  if not held[i] then
    write_counter(KEYS[i + 2], math.max(counters[i], tonumber(ARGV[3])), life)
    write_info(KEYS[i + 1], token, ttl, attempt, 8)
  end
end
for i = 1, #KEYS, 4 do
  if not held[i] then redis.call('SET', KEYS[i], token, 'PX', ttl) end
end
return {2, found}
)lua";

// Each name by itself; it was ours if all were. The note comes last, and may fail: where memory is short, to delete the key
// is what counts.
// KEYS, for each name: lock, info, and the note, if one is to be left. ARGV: token, and of the note: its least life, its
// greatest, what it says.
constexpr std::string_view kReleaseLua = R"lua(
local step, ours, other, holder = ARGV[2] and 3 or 2, 1, nil, nil
for i = 1, #KEYS, step do
  local found = redis.call('GET', KEYS[i])
  local life = tonumber(ARGV[2] or '')
  if found == ARGV[1] then
    if life then
      local info = redis.pcall('HMGET', KEYS[i + 1], 'token', 'ttl')
      local ttl = not info.err and info[1] == found and tonumber(info[2])
      for _, at_least in ipairs({redis.call('PTTL', KEYS[i]), ttl or 0}) do
        if at_least > life then life = at_least end
      end
    end
    redis.call('DEL', KEYS[i], KEYS[i + 1])
  else
    ours = 0
    if found and not other then other, holder = i, found end
  end
  if life then
    life = math.min(life, tonumber(ARGV[3]))
    if redis.call('PTTL', KEYS[i + 2]) < life then
      redis.pcall('SET', KEYS[i + 2], ARGV[4], 'PX', string.format('%.0f', life))
    end
  end
end
if other then return {0, 1, holder_info(KEYS[other + 1], holder)} end
return {ours, 0}
)lua";

// A release that leaves the key behind. It sets no key that is not there, and it alone may shorten a lease: nobody relies on
// that any more. The commands that may fail come behind the expiry of the key. The note is for those who may be
// extending the lease; it takes the place of another, which would let them find their token and extend it. Where that says that
// the token was released by hand, so does the answer: 2 instead of 0.
// KEYS, for each name: lock, info, fence, note. ARGV: token, length of the rest, exit status, life of the counter, life of
// the note.
constexpr std::string_view kRestLua = R"lua(
local token, ttl, ours, other, holder = ARGV[1], ARGV[2], 1, nil, nil
for i = 1, #KEYS, 4 do
  local found = redis.call('GET', KEYS[i])
  if found == token then
    redis.call('PEXPIRE', KEYS[i], ttl)
    redis.pcall('PEXPIRE', KEYS[i + 2], ARGV[4])
    local info = redis.pcall('HMGET', KEYS[i + 1], 'token')
    if info.err or info[1] ~= token then redis.pcall('DEL', KEYS[i + 1]) end
    redis.pcall('HSET', KEYS[i + 1], 'token', token, 'ttl', ttl, 'resting', ARGV[3])
    redis.pcall('PEXPIRE', KEYS[i + 1], ttl)
  else
    ours = ours == 2 and 2 or 0
    if found and not other then other, holder = i, found end
    local said = redis.pcall('GET', KEYS[i + 3])
    if type(said) == 'string' and said ~= 'broken' and said ~= 'resting' then ours = 2 end
  end
  local life = math.max(redis.call('PTTL', KEYS[i + 3]), tonumber(ARGV[5]))
  redis.pcall('SET', KEYS[i + 3], 'resting', 'PX', string.format('%.0f', life))
end
if other then return {ours, 1, holder_info(KEYS[other + 1], holder)} end
return {ours, 0}
)lua";

// The text costs bytes on every round trip: it has no comments, no blanks but between words and in strings, and one
// letter for what is named most. Each line stays a line, by whose number an error names a command (command_in_script).
// No script has a name of one letter but `i` and `_`. Sorted: a run must not spend its time on looking for them.
struct ShortName {
  std::string_view name;
  char letter;
};
constexpr ShortName kShortNames[] = {
    {"absent", 'b'},      {"accepted", 'U'},     {"ahead", 'a'},         {"attempt", 'm'},
    {"bad_counter", 'B'}, {"channel", 'H'},      {"counter", 'c'},       {"counter_of", 'O'},
    {"counters", 'C'},    {"enter_queues", 'E'}, {"fence", 'e'},         {"final", 'F'},
    {"first", 'n'},       {"found", 'D'},        {"greatest", 'z'},      {"held", 'd'},
    {"holder", 'h'},      {"holder_info", 'Q'},  {"info", 'f'},          {"key", 'k'},
    {"last", 'J'},        {"later", 'Y'},        {"leave_queue", 'L'},   {"left", 'y'},
    {"life", 'l'},        {"most_ahead", 'A'},   {"most_waiting", 'G'},  {"note", 'N'},
    {"now", 'j'},         {"other", 'o'},        {"planted", 'p'},       {"positions", 'P'},
    {"queue", 'q'},       {"refusals", 'R'},     {"refused", 'r'},       {"said", 'Z'},
    {"second", 's'},      {"step", 'S'},         {"text", 'v'},          {"there", 'x'},
    {"time", 'M'},        {"token", 't'},        {"ttl", 'T'},           {"waiter", 'w'},
    {"waiting", 'g'},     {"whole", 'u'},        {"write_counter", 'W'}, {"write_fence", 'X'},
    {"write_info", 'I'}};

static_assert(std::ranges::is_sorted(kShortNames, {}, &ShortName::name));

constexpr bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where the names with each first letter begin in kShortNames.
constexpr auto kFirstWithLetter = [] {
  std::array<std::size_t, 27> first{};
  for (std::size_t i = 0; i < first.size(); ++i) {
    first[i] = static_cast<std::size_t>(std::ranges::count_if(
        kShortNames, [&](const ShortName& each) { return each.name[0] < static_cast<char>('a' + i); }));
  }
  return first;
}();

std::string_view shortened(std::string_view word) {
  const auto letter = static_cast<std::size_t>(static_cast<unsigned char>(word.front())) - 'a';
  if (letter > 25) return word;
  for (std::size_t i = kFirstWithLetter[letter]; i < kFirstWithLetter[letter + 1]; ++i) {
    if (kShortNames[i].name == word) return {&kShortNames[i].letter, 1};
  }
  return word;
}

std::string compact(std::string_view script) {
  constexpr std::string_view module = "redis.";
  std::string out = "local call,pcall=redis.call,redis.pcall ";
  out.reserve(out.size() + script.size());
  while (!script.empty()) {
    std::size_t size = 1;
    if (in_word(script.front())) {
      while (size < script.size() && in_word(script[size])) ++size;
      const std::string_view word = script.substr(0, size);
      const bool field = out.ends_with('.') && !out.ends_with("..");
      if (script.starts_with("redis.call(") || script.starts_with("redis.pcall(")) {
        size = module.size();
      } else {
        out += field ? word : shortened(word);
      }
    } else if (script.front() == '\'') {  // a string, as it is
      size = script.find('\'', 1) + 1;
      out += script.substr(0, size);
    } else if (script.front() != ' ' || (in_word(out.back()) && script.size() > 1 && in_word(script[1]))) {
      out += script.front();
    }
    script.remove_prefix(size);
  }
  return out;
}

const std::string& acquire_script() {
  static const std::string script =
      compact(fmt::format("{} local channel = '{}'{}{}{}{}{}{}", kAcquireBeginLua, kChannelPrefix,
                          kCounterLua, kInfoLua, kRefusalLua, kEnterQueueLua, kLeaveQueueLua, kAcquireLua));
  return script;
}
const std::string& acquire_slot_script() {
  static const std::string script =
      compact(fmt::format("{} local channel = '{}'{}{}{}{}{}{}local function acquire(){}{}",
                          kAcquireSlotBeginLua, kChannelPrefix, kCounterLua, kInfoLua, kRefusalLua, kSlotsLua,
                          kEnterQueueLua, kLeaveQueueLua, kAcquireLua, kAcquireSlotEndLua));
  return script;
}
const std::string& confirm_script() {
  static const std::string script = compact(fmt::format("{}{}{}", kCounterLua, kFenceLua, kConfirmLua));
  return script;
}
const std::string& extend_script() {
  static const std::string script =
      compact(fmt::format("{}{}{}{}{}", kCounterLua, kInfoLua, kHolderLua, kFenceLua, kExtendLua));
  return script;
}
const std::string& release_script() {
  static const std::string script = compact(fmt::format("{}{}", kHolderLua, kReleaseLua));
  return script;
}

const std::string& rest_script() {
  static const std::string script = compact(fmt::format("{}{}", kHolderLua, kRestLua));
  return script;
}

std::string_view script_of(RequestKind kind) {
  switch (kind) {
    case RequestKind::Acquire: return acquire_script();
    case RequestKind::AcquireSlot: return acquire_slot_script();
    case RequestKind::Probe: return probe_script();
    case RequestKind::ProbeSlots: return probe_slots_script();
    case RequestKind::Confirm: return confirm_script();
    case RequestKind::Extend: return extend_script();
    case RequestKind::Release: return release_script();
    case RequestKind::Rest: return rest_script();
  }
  return {};
}

std::vector<std::string> notes(std::span<const LockKeys> names, const quorum::Token& token) {
  std::vector<std::string> keys;
  for (const LockKeys& name : names) keys.push_back(name.note(token.value));
  return keys;
}

// Separates names in the info: no name has it.
std::string join(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, std::string_view{"\0", 1}));
}

using Keys = std::vector<std::string_view>;

// The words of an EVAL. Numbers become text that lives as long as the object.
class Eval {
 public:
  Eval(std::string_view script, const Keys& keys) {
    words_.reserve(keys.size() + 20);
    words_.insert(words_.end(), {"EVAL", script});
    number(keys.size());
    words_.insert(words_.end(), keys.begin(), keys.end());
  }

  Eval& text(std::string_view text) {
    words_.push_back(text);
    return *this;
  }
  Eval& number(std::uint64_t value) {
    words_.push_back(numbers_.emplace_back(std::to_string(value)));
    return *this;
  }
  Eval& own(std::string text) {
    words_.push_back(numbers_.emplace_back(std::move(text)));
    return *this;
  }
  Eval& duration(std::chrono::milliseconds duration) {
    return number(static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(duration.count(), 1)));
  }
  Eval& holder(const quorum::HolderInfo& info) {
    return text(info.host)
        .text(info.user)
        .text(info.command)
        .number(info.pid)
        .number(info.since_us)
        .text(info.note)
        .own(join(info.names));
  }

  Secret format(unsigned db) {
    if (db == 0) return format_command(words_);
    const std::string script = fmt::format("redis.call('SELECT', {}) {}", db, words_[1]);
    words_[1] = script;
    return format_command(words_);
  }

 private:
  std::vector<std::string_view> words_;
  std::deque<std::string> numbers_;  // never moved: the words refer to them
};

}  // namespace

RequestKind kind_of(const quorum::Request& request) {
  using enum RequestKind;
  return std::visit(
      Overload{[](const quorum::AcquireRequest& each) { return each.slot > 0 ? AcquireSlot : Acquire; },
               [](const quorum::ProbeRequest& each) { return each.slots ? ProbeSlots : Probe; },
               [](const quorum::ConfirmRequest&) { return Confirm; },
               [](const quorum::ExtendRequest&) { return Extend; },
               [](const quorum::ReleaseRequest& each) { return each.rest ? Rest : Release; }},
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

const std::string& probe_script() {
  static const std::string script =
      compact(fmt::format("{}{}{}{}", kProbeBeginLua, kRefusalLua, kEnterQueueLua, kProbeLua));
  return script;
}

const std::string& probe_slots_script() {
  static const std::string script =
      compact(fmt::format("{}{}{}{}", kProbeSlotsBeginLua, kSlotsLua, kEnterQueueLua, kProbeSlotsLua));
  return script;
}

const std::string& leave_script() {
  static const std::string script = compact(
      fmt::format("local channel, waiter = '{}', ARGV[1]{}{}", kChannelPrefix, kLeaveQueueLua, kLeaveLua));
  return script;
}

std::vector<std::string_view> keys_of_slots(std::span<const LockKeys> slots, const LockKeys& one) {
  std::vector<std::string_view> keys{one.lock, one.info, one.queue, one.bar};
  for (const LockKeys& slot : slots) keys.insert(keys.end(), {slot.lock, slot.info});
  return keys;
}

Scripts::Scripts(std::vector<LockKeys> keys, quorum::HolderInfo holder)
    : keys_{std::move(keys)}, holder_{std::move(holder)} {
  for (std::string* text : {&holder_.host, &holder_.user, &holder_.command, &holder_.note}) {
    if (text->size() > kMaxInfoText) text->resize(kMaxInfoText);
  }
}

std::span<const LockKeys> Scripts::of_slot(quorum::Slot slot) const {
  const std::span<const LockKeys> all{keys_};
  return slot > 0 ? all.subspan(slot - 1, 1) : all;
}

Secret Scripts::encode_rest(const quorum::ReleaseRequest& release, unsigned db) const {
  const auto names = of_slot(release.slot);
  const std::vector<std::string> said = notes(names, release.token);
  Keys keys;
  for (std::size_t i = 0; i < names.size(); ++i)
    keys.insert(keys.end(), {names[i].lock, names[i].info, names[i].fence, said[i]});
  return Eval{rest_script(), keys}
      .text(release.token.value)
      .duration(release.rest->length)
      .number(static_cast<std::uint64_t>(release.rest->status))
      .duration(kFenceLife + release.rest->length)
      .duration(std::max(release.note, release.rest->length))
      .format(db);
}

Secret Scripts::encode(const quorum::Request& request, unsigned db) const {
  return std::visit(
      Overload{
          [&](const quorum::AcquireRequest& acquire) {
            Keys keys;
            for (const LockKeys& name : of_slot(acquire.slot)) {
              keys.insert(keys.end(), {name.lock, name.info});
              if (acquire.waiter) keys.insert(keys.end(), {name.queue, name.bar});
              if (acquire.slot > 0) {
                for (const LockKeys& slot : keys_) keys.insert(keys.end(), {slot.lock, slot.info});
              }
              keys.emplace_back(name.fence);
            }
            Eval eval{acquire.slot > 0 ? acquire_slot_script() : acquire_script(), keys};
            eval.text(acquire.token.value)
                .duration(acquire.ttl)
                .number(acquire.proposal)
                .duration(kFenceLife)
                .holder(holder_);
            if (acquire.waiter) {
              eval.own(name_in_queue(*acquire.waiter))
                  .number(acquire.in_turn ? 1 : 0)
                  .duration(kPositionLife)
                  .number(acquire.bars ? 1 : 0);
            }
            return eval.format(db);
          },
          [&](const quorum::ProbeRequest& probe) {
            Keys keys;
            if (probe.slots) {
              keys = keys_of_slots(keys_, keys_.front());
            } else {
              for (const LockKeys& name : keys_)
                keys.insert(keys.end(), {name.lock, name.info, name.queue, name.bar});
            }
            Eval eval{probe.slots ? probe_slots_script() : probe_script(), keys};
            eval.text(probe.token.value);
            if (probe.waiter) eval.own(name_in_queue(*probe.waiter)).duration(kPositionLife);
            return eval.format(db);
          },
          [&](const quorum::ConfirmRequest& confirm) {
            Keys keys;
            for (const LockKeys& name : of_slot(confirm.slot))
              keys.insert(keys.end(), {name.lock, name.fence, name.info});
            return Eval{confirm_script(), keys}
                .text(confirm.token.value)
                .number(confirm.fence)
                .duration(kFenceLife)
                .number(confirm.granted)
                .format(db);
          },
          [&](const quorum::ExtendRequest& extend) {
            const auto names = of_slot(extend.slot);
            const std::vector<std::string> said = notes(names, extend.token);
            Keys keys;
            for (std::size_t i = 0; i < names.size(); ++i)
              keys.insert(keys.end(), {names[i].lock, names[i].info, names[i].fence, said[i]});
            return Eval{extend_script(), keys}
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
            if (release.rest) return encode_rest(release, db);
            const bool leaves_note = release.note.count() > 0;
            const auto names = of_slot(release.name ? *release.name + 1 : release.slot);
            const std::vector<std::string> said = notes(names, release.token);
            Keys keys;
            for (std::size_t i = 0; i < names.size(); ++i) {
              keys.insert(keys.end(), {names[i].lock, names[i].info});
              if (leaves_note) keys.emplace_back(said[i]);
            }
            Eval eval{release_script(), keys};
            eval.text(release.token.value);
            if (leaves_note) {
              eval.duration(release.note).duration(kFenceLife).text(release.breaks ? "broken" : "released");
            }
            return eval.format(db);
          }},
      request);
}

}  // namespace redlock::redis
