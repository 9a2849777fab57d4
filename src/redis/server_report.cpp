#include "redis/server_report.hpp"

#include "redis/info.hpp"
#include "redis/node_error.hpp"

#include <algorithm>
#include <array>
#include <charconv>

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

template <typename Number = std::uint64_t>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// All of them say a redis_version too, for old clients.
struct Product {
  std::string_view field;
  std::string_view holds;  // in the value; empty: anything
  std::string_view name;
  std::string_view version_field;
};
constexpr std::array kProducts{
    Product{"valkey_version", "", "Valkey", "valkey_version"},
    Product{"dragonfly_version", "", "Dragonfly", "dragonfly_version"},
    Product{"executable", "keydb", "KeyDB", "redis_version"},
    Product{"redis_version", "", "Redis", "redis_version"},
};

void name_product(std::string_view info, ServerReport& report) {
  for (const Product& product : kProducts) {
    const auto value = info_field(info, product.field);
    if (!value || value->find(product.holds) == std::string_view::npos) continue;
    report.product = product.name;
    report.version = text_of(info, product.version_field);
    return;
  }
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
  name_product(info, report);
  report.role = text_of(info, "role");
  const std::int64_t uptime = number<std::int64_t>(text_of(info, "uptime_in_seconds")).value_or(0);
  report.uptime = std::chrono::seconds{std::clamp(uptime, -kGreatestUptime, kGreatestUptime)};
  report.aof = info_field(info, "aof_enabled") == "1";
  report.saved = info_field(info, "rdb_last_bgsave_status").value_or("ok") == "ok" &&
                 info_field(info, "aof_last_write_status").value_or("ok") == "ok";
  report.maxmemory = number(text_of(info, "maxmemory")).value_or(0);
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
    const auto seconds = number(answer.elements[0].text);
    const auto rest = number(answer.elements[1].text);
    if (seconds && rest && *seconds < greatest && *rest < 1'000'000) return *seconds * 1'000'000 + *rest;
  }
  return garbled("not an answer to TIME");
}

std::vector<std::string> trial_words() {
  return {"EVAL", "return redis.call('SET', KEYS[1], '', 'XX', 'PX', '1')", "1", "redlock.trial"};
}

}  // namespace redlock::redis
