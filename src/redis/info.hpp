#pragma once

#include <optional>
#include <string_view>

namespace redlock::redis {

// The value of "name:value\r\n" in what INFO answers.
std::optional<std::string_view> info_field(std::string_view info, std::string_view name);

// Whether the server is in cluster mode: Redis calls the field redis_mode, and each server derived from it as it likes.
bool is_cluster(std::string_view info);

// The make of the server, and its own version: most also give a redis_version, for old clients. Untrusted text.
struct Product {
  std::string_view name;  // "Redis", "Valkey", "Redict", "KeyDB", "Dragonfly", or what the server says
  std::string_view version;
};
Product product_of(std::string_view info);

}  // namespace redlock::redis
