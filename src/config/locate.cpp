#include "config/locate.hpp"

#include "config/source.hpp"

#include <unistd.h>

#include <cerrno>

namespace redlock::config {
namespace {

constexpr const char* kName = "/redlock/config.toml";

// A file in a folder that may not be searched counts as existing, so that reading it fails with a message: a host that
// overlooked its configuration would lock on other nodes than the rest.
bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

// The XDG base directory specification: a relative XDG_CONFIG_HOME is to be ignored.
std::optional<std::string> user_file() {
  if (const char* const home = environment_value("XDG_CONFIG_HOME"); home != nullptr && *home == '/') {
    return std::string{home} + kName;
  }
  if (const char* const home = environment_value("HOME")) return std::string{home} + "/.config" + kName;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> locate_file(const std::optional<std::string>& from_flag) {
  if (from_flag) return from_flag;
  if (const char* const named = environment_value("REDLOCK_CONFIG")) return named;
  if (auto path = user_file(); path && exists(*path)) return path;
  const std::string system_file = "/etc/redlock/config.toml";
  if (exists(system_file)) return system_file;
  return std::nullopt;
}

}  // namespace redlock::config
