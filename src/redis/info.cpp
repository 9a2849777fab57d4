#include "redis/info.hpp"

#include <array>
#include <string>

namespace redlock::redis {
namespace {

struct Mark {
  std::string_view field;
  std::string_view holds;  // in the value; empty: anything
  std::string_view name;
  std::string_view version_field;
};
constexpr std::array kMarks{
    Mark{"valkey_version", "", "Valkey", "valkey_version"},
    Mark{"redict_version", "", "Redict", "redict_version"},
    Mark{"dragonfly_version", "", "Dragonfly", "dragonfly_version"},
    Mark{"executable", "keydb", "KeyDB", "redis_version"},
    Mark{"mvcc_depth", "", "KeyDB", "redis_version"},
};

}  // namespace

std::optional<std::string_view> info_field(std::string_view info, std::string_view name) {
  for (std::size_t at = info.find(name); at != std::string_view::npos; at = info.find(name, at + 1)) {
    const bool begins_line = at == 0 || info[at - 1] == '\n';
    std::string_view rest = info.substr(at + name.size());
    if (!begins_line || !rest.starts_with(':')) continue;
    rest.remove_prefix(1);
    return rest.substr(0, rest.find_first_of("\r\n"));
  }
  return std::nullopt;
}

bool is_cluster(std::string_view info) {
  constexpr std::string_view mode = "_mode:cluster";
  const std::size_t at = info.find(mode);
  if (at == std::string_view::npos) return false;
  const std::string_view rest = info.substr(at + mode.size());
  return rest.empty() || rest.front() == '\r' || rest.front() == '\n';
}

Product product_of(std::string_view info) {
  const auto version = [&](std::string_view field) { return info_field(info, field).value_or(""); };
  for (const Mark& mark : kMarks) {
    const auto value = info_field(info, mark.field);
    if (value && value->find(mark.holds) != std::string_view::npos)
      return {.name = mark.name, .version = version(mark.version_field)};
  }
  const auto name = info_field(info, "server_name");
  if (!name || name->empty() || *name == "redis")
    return {.name = "Redis", .version = version("redis_version")};
  const auto own = info_field(info, std::string{*name} + "_version");
  return {.name = *name, .version = own.value_or(version("redis_version"))};
}

}  // namespace redlock::redis
