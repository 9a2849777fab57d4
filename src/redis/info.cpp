#include "redis/info.hpp"

namespace redlock::redis {

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

}  // namespace redlock::redis
