#pragma once

#include <optional>
#include <string_view>

namespace redlock::redis {

// The value of "name:value\r\n" in what INFO answers.
std::optional<std::string_view> info_field(std::string_view info, std::string_view name);

}  // namespace redlock::redis
