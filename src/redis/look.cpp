#include "redis/look.hpp"

#include "redis/node_error.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace redlock::redis {
namespace {

using quorum::Failure;

// The keys beside the lock are for people: if one is of a wrong type, or the ACL forbids it, the lock is still told.
// KEYS: lock, info, fence, queue.
constexpr std::string_view kLookLua = R"lua(
local holder = redis.call('GET', KEYS[1])
if not holder then return {false, 0, '0', 0, '', '', '', '', '', ''} end
local info = redis.pcall('HMGET', KEYS[2], 'token', 'host', 'user', 'command', 'pid', 'since', 'ttl')
if info.err or info[1] ~= holder then info = {} end
local fence = redis.pcall('GET', KEYS[3])
local waiting = redis.pcall('ZCARD', KEYS[4])
return {holder, redis.call('PTTL', KEYS[1]), type(fence) == 'string' and fence or '0',
  type(waiting) == 'number' and waiting or 0,
  info[2] or '', info[3] or '', info[4] or '', info[5] or '', info[6] or '', info[7] or ''}
)lua";

Failure garbled(std::string_view why) {
  return node_failure(NodeError::Garbled, std::string{why});
}

// Every user of the node can write anything: text that is no number counts as none.
std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

// So long that it makes no difference, and short enough to count in nanoseconds.
constexpr std::chrono::milliseconds kGreatestRemaining = std::chrono::hours{24 * 365 * 100};

constexpr std::size_t kLookFields = 10;

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
  return {"EVAL", std::string{kLookLua}, "4", keys.lock, keys.info, keys.fence, keys.queue};
}

std::variant<quorum::NodeLockState, Failure> decode_look(Value answer) {
  if (!is_look(answer)) return garbled("not an answer to a look");
  auto& fields = answer.elements;
  if (fields[0].type == Value::Type::Nil) return quorum::NodeLockState{};
  const long long remaining = std::clamp<long long>(fields[1].integer, -1, kGreatestRemaining.count());
  const std::uint64_t counter = number(fields[2].text);
  const std::uint64_t ttl = number(fields[9].text);
  const bool measurable = ttl <= static_cast<std::uint64_t>(kGreatestRemaining.count());
  return quorum::NodeLockState{.holder = quorum::Token{std::move(fields[0].text)},
                               .remaining = std::chrono::milliseconds{remaining},
                               .info = {.host = std::move(fields[4].text),
                                        .user = std::move(fields[5].text),
                                        .command = std::move(fields[6].text),
                                        .pid = number(fields[7].text),
                                        .since_us = number(fields[8].text)},
                               .holder_ttl = std::chrono::milliseconds{measurable ? ttl : 0},
                               .counter = counter <= quorum::kMaxFence ? counter : 0,
                               .waiting = static_cast<std::uint64_t>(std::max(fields[3].integer, 0LL))};
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
