#include "redis/look.hpp"

#include "base/text.hpp"
#include "redis/answers.hpp"
#include "redis/keys.hpp"
#include "redis/node_error.hpp"
#include "redis/resting.hpp"
#include "redis/scripts.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace redlock::redis {
namespace {

using quorum::Failure;

// The keys beside the lock are for people: if one is of a wrong type, or the ACL forbids it, the lock is still told. If a
// command for the lock itself is refused, it and the refusal are the answer.
// KEYS: lock, info, fence, queue, bar. The bar counts as in an acquire.
constexpr std::string_view kLookLua = R"lua(
local holder = redis.pcall('GET', KEYS[1])
if type(holder) == 'table' then return {'GET', holder.err} end
local left = redis.pcall('PTTL', KEYS[1])
if type(left) == 'table' then return {'PTTL', left.err} end
local waiting = redis.pcall('ZCARD', KEYS[4])
waiting = type(waiting) == 'number' and waiting or 0
if not holder then
  local bar = redis.pcall('GET', KEYS[5])
  if type(bar) ~= 'string' or redis.call('PTTL', KEYS[5]) < 0 then bar = '' end
  return {false, 0, '0', waiting, '', '', '', '', '', '', '', '', '', bar}
end
local info = redis.pcall('HMGET', KEYS[2], 'token', 'host', 'user', 'command', 'pid', 'since', 'note', 'ttl', 'names',
  'resting')
if info.err or info[1] ~= holder then info = {} end
local fence = redis.pcall('GET', KEYS[3])
return {holder, left, type(fence) == 'string' and fence or '0', waiting,
  info[2] or '', info[3] or '', info[4] or '', info[5] or '', info[6] or '', info[7] or '',
  info[8] or '', info[9] or '', info[10] or '', ''}
)lua";

Failure garbled(std::string_view why) {
  return node_failure(NodeError::Garbled, std::string{why});
}

// Every user of the node can write anything: text that is no number counts as none.
std::uint64_t number(std::string_view text) {
  return parse_number<std::uint64_t>(text).value_or(0);
}

// So long that it makes no difference, and short enough to count in nanoseconds.
constexpr std::chrono::milliseconds kGreatestRemaining = std::chrono::hours{24 * 365 * 100};

// Names are separated by a NUL, which none has.
std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty() && names.size() < kMostNames) {
    const std::string_view name = text.substr(0, text.find('\0'));
    if (!name.empty()) names.emplace_back(name);
    text.remove_prefix(std::min(name.size() + 1, text.size()));
  }
  return names;
}

constexpr std::size_t kLookFields = 14;

bool is_look(const Value& answer) {
  if (answer.type != Value::Type::Array || answer.elements.size() != kLookFields) return false;
  const auto& fields = answer.elements;
  const auto is = [&](std::size_t i, Value::Type type) { return fields[i].type == type; };
  for (std::size_t i = 4; i < kLookFields; ++i) {
    if (!is(i, Value::Type::String)) return false;
  }
  return (is(0, Value::Type::String) || is(0, Value::Type::Nil)) && is(1, Value::Type::Integer) &&
         is(2, Value::Type::String) && is(3, Value::Type::Integer);
}

// Text that is to be matched as it stands.
std::string escape_glob(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view{"*?[]\\"}.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::vector<std::string> look_words(const LockKeys& keys) {
  return {"EVAL", std::string{kLookLua}, "5", keys.lock, keys.info, keys.fence, keys.queue, keys.bar};
}

std::variant<NodeLockState, Failure> decode_look(Value answer) {
  if (auto failure = refused_command(answer)) return *std::move(failure);
  if (!is_look(answer)) return garbled("not an answer to a look");
  auto& fields = answer.elements;
  const auto waiting = static_cast<std::uint64_t>(std::max(fields[3].integer, 0LL));
  if (fields[0].type == Value::Type::Nil) {
    NodeLockState free{.remaining = {}, .waiting = waiting};
    if (!fields[13].text.empty()) free.kept_for = quorum::Token{std::move(fields[13].text)};
    return free;
  }
  const long long remaining = std::clamp<long long>(fields[1].integer, -1, kGreatestRemaining.count());
  const std::uint64_t counter = number(fields[2].text);
  const std::uint64_t ttl = number(fields[10].text);
  const bool measurable = ttl <= static_cast<std::uint64_t>(kGreatestRemaining.count());
  const std::chrono::milliseconds holder_ttl{measurable ? ttl : 0};
  return NodeLockState{
      .holder = quorum::Token{std::move(fields[0].text)},
      .remaining = std::chrono::milliseconds{remaining},
      .info = {.host = std::move(fields[4].text),
               .user = std::move(fields[5].text),
               .command = std::move(fields[6].text),
               .pid = number(fields[7].text),
               .since_us = number(fields[8].text),
               .names = names_in(fields[11].text),
               .note = std::move(fields[9].text),
               .resting = decode_resting(fields[12].text, holder_ttl, std::chrono::milliseconds{remaining})},
      .holder_ttl = holder_ttl,
      .counter = counter <= quorum::kMaxFence ? counter : 0,
      .waiting = waiting};
}

std::vector<std::string> look_for_slots_words(const std::string& key) {
  std::vector<LockKeys> slots;
  for (std::size_t slot = 1; slot <= kMostSlots; ++slot) slots.emplace_back(key, slot);
  const auto keys = keys_of_slots(slots, slots.front());
  std::vector<std::string> words{"EVAL", probe_slots_script(), std::to_string(keys.size())};
  words.insert(words.end(), keys.begin(), keys.end());
  words.emplace_back();  // no token is the sender's own
  return words;
}

std::variant<quorum::Reply, Failure> decode_look_for_slots(Value answer) {
  return decode(RequestKind::ProbeSlots, std::move(answer));
}

std::vector<std::string> scan_words(std::string_view cursor, std::string_view prefix, std::string_view glob) {
  std::string pattern = LockKeys::kInfoPrefix + escape_glob(prefix);
  pattern += glob;
  return {"SCAN",  std::string{cursor},        "MATCH", std::move(pattern),
          "COUNT", std::to_string(kScanCount), "TYPE",  "hash"};
}

std::variant<ScanStep, Failure> decode_scan(Value answer) {
  constexpr std::size_t cursor_digits = 20;  // of 64 bits
  const std::string_view info_prefix = LockKeys::kInfoPrefix;
  if (answer.type != Value::Type::Array || answer.elements.size() != 2 ||
      answer.elements[0].type != Value::Type::String || answer.elements[1].type != Value::Type::Array) {
    return garbled("not an answer to SCAN");
  }
  ScanStep step{.cursor = std::move(answer.elements[0].text), .keys = {}};
  const bool digits =
      !step.cursor.empty() && step.cursor.size() <= cursor_digits &&
      std::all_of(step.cursor.begin(), step.cursor.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return garbled("a cursor that is none");
  for (Value& key : answer.elements[1].elements) {
    if (key.type != Value::Type::String || !key.text.starts_with(info_prefix)) {
      return garbled("a key that SCAN was not asked for");
    }
    step.keys.push_back(key.text.substr(info_prefix.size()));
  }
  return step;
}

}  // namespace redlock::redis
