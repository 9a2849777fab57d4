#include "redis/server_report.hpp"

#include "base/text.hpp"
#include "redis/answers.hpp"
#include "redis/info.hpp"
#include "redis/node_error.hpp"
#include "redis/subscription.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::redis {
namespace {

using quorum::Failure;

constexpr std::size_t kMaxText = 64;
constexpr std::int64_t kGreatestUptime = 100LL * 365 * 24 * 3600;  // seconds

Failure garbled(std::string_view why) {
  return node_failure(NodeError::Garbled, std::string{why});
}

std::string text_of(std::string_view info, std::string_view name) {
  return std::string{info_field(info, name).value_or("").substr(0, kMaxText)};
}

}  // namespace

bool ServerReport::may_evict_locks() const {
  return maxmemory != 0 && !maxmemory_policy.empty() && maxmemory_policy != "noeviction";
}

std::vector<std::string> report_words() {
  return {"INFO"};
}

std::variant<ServerReport, Failure> decode_report(const Value& answer) {
  if (answer.type != Value::Type::String) return garbled("not an answer to INFO");
  const std::string_view info = answer.text;
  ServerReport report;
  const Product product = product_of(info);
  report.product = product.name.substr(0, kMaxText);
  report.version = product.version.substr(0, kMaxText);
  report.role = text_of(info, "role");
  const std::int64_t uptime = parse_number<std::int64_t>(text_of(info, "uptime_in_seconds")).value_or(0);
  report.uptime = std::chrono::seconds{std::clamp(uptime, -kGreatestUptime, kGreatestUptime)};
  report.aof = info_field(info, "aof_enabled") == "1";
  report.saved = info_field(info, "rdb_last_bgsave_status").value_or("ok") == "ok" &&
                 info_field(info, "aof_last_write_status").value_or("ok") == "ok";
  report.maxmemory = parse_number<std::uint64_t>(text_of(info, "maxmemory")).value_or(0);
  report.maxmemory_policy = text_of(info, "maxmemory_policy");
  return report;
}

std::vector<std::string> config_words(std::string_view parameter) {
  return {"CONFIG", "GET", std::string{parameter}};
}

std::variant<std::string, Failure> decode_config(Value answer) {
  if (answer.type != Value::Type::Array || answer.elements.size() != 2 ||
      answer.elements[1].type != Value::Type::String) {
    return garbled("not an answer to CONFIG GET");
  }
  return std::move(answer.elements[1].text);
}

std::vector<std::string> time_words() {
  return {"TIME"};
}

std::variant<std::uint64_t, Failure> decode_time(const Value& answer) {
  constexpr std::uint64_t greatest = 253'402'300'800;  // seconds: the year 10000
  if (answer.type == Value::Type::Array && answer.elements.size() == 2) {
    const auto seconds = parse_number<std::uint64_t>(answer.elements[0].text);
    const auto rest = parse_number<std::uint64_t>(answer.elements[1].text);
    if (seconds && rest && *seconds < greatest && *rest < 1'000'000) return *seconds * 1'000'000 + *rest;
  }
  return garbled("not an answer to TIME");
}

// Commands whose keys are absent, and stay so.
constexpr std::string_view kTrialLua = R"lua(
for _, words in ipairs(commands) do
  local answer = redis.pcall(unpack(words))
  if type(answer) == 'table' and answer.err then return {words[1], answer.err} end
end
return {}
)lua";

// SET comes before what is allowed without memory: a script that has written may go on. HSET and the DEL behind it leave
// nothing.
constexpr std::string_view kLockCommandsLua = R"lua(
local lock, info = KEYS[1], KEYS[2]
local commands = {{'GET', lock}, {'SET', lock, '', 'XX', 'PX', '1'}, {'DEL', info}, {'PTTL', lock},
  {'PEXPIRE', lock, '1'}, {'HMGET', info, 'token'}, {'HSET', info, 'token', ''}, {'DEL', info}}
)lua";

constexpr std::string_view kQueueCommandsLua = R"lua(
local queue = KEYS[1]
local commands = {{'TIME'}, {'ZREMRANGEBYSCORE', queue, '-inf', '0'}, {'ZADD', queue, 'XX', '0', 'none'},
  {'ZRANGE', queue, '0', '-1'}, {'ZREM', queue, 'none'}}
)lua";

std::vector<std::string> trial_words() {
  return {"EVAL", fmt::format("{}{}", kLockCommandsLua, kTrialLua), "2", "redlock.trial",
          "redlock.trial:info"};
}

std::vector<std::string> queue_trial_words() {
  return {"EVAL", fmt::format("{}{}", kQueueCommandsLua, kTrialLua), "1", "redlock.trial:queue"};
}

std::vector<std::string> client_id_words() {
  return {"CLIENT", "ID"};
}

std::vector<std::string> tracking_words() {
  return {"CLIENT", "TRACKING", "OFF"};
}

std::vector<std::string> subscribe_words() {
  return {"SUBSCRIBE", std::string{kInvalidations}};
}

bool is_too_old(const ServerReport& report) {
  return report.product == "Redis" &&
         parse_number<std::uint64_t>(report.version.substr(0, report.version.find('.'))).value_or(6) < 6;
}

std::optional<Failure> decode_trial(const Value& answer) {
  if (answer.type == Value::Type::Array && answer.elements.empty()) return std::nullopt;
  auto failure = refused_command(answer);
  return failure ? std::move(failure) : garbled("not an answer to EVAL");
}

}  // namespace redlock::redis
