#include "config/locate.hpp"

#include "config/source.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace redlock::config {
namespace {

constexpr const char* kName = "/redlock/config.toml";
constexpr const char* kXdgHome = "XDG_CONFIG_HOME";
constexpr const char* kHome = "HOME";

}  // namespace

bool file_exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

// The XDG base directory specification: a relative XDG_CONFIG_HOME is to be ignored.
std::vector<FileLocation> usual_files() {
  std::vector<FileLocation> files;
  const char* const xdg_home = environment_value(kXdgHome);
  if (xdg_home != nullptr && *xdg_home == '/') {
    files.push_back({.path = std::string{xdg_home} + kName, .variable = kXdgHome});
  } else if (const char* const home = environment_value(kHome)) {
    files.push_back({.path = std::string{home} + "/.config" + kName, .variable = kHome});
  }
  files.push_back({.path = std::string{"/etc"} + kName});
  return files;
}

std::optional<FileLocation> locate_file(const std::optional<std::string>& from_flag) {
  if (from_flag) return FileLocation{.path = *from_flag};
  if (const char* const named = environment_value("REDLOCK_CONFIG")) return FileLocation{.path = named};
  for (FileLocation& file : usual_files()) {
    if (file_exists(file.path)) return std::move(file);
  }
  return std::nullopt;
}

}  // namespace redlock::config
