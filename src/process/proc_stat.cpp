#include "process/proc_stat.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace redlock::process {
namespace {

// Takes the next number off the front of a blank-separated list.
bool take_number(std::string_view& text, int& number) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return true;
}

}  // namespace

std::optional<ProcStat> parse_proc_stat(std::string_view text) noexcept {
  ProcStat stat;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || !take_number(text, stat.pid)) return std::nullopt;
  const std::size_t cut = text.rfind(')') + 1;
  text.remove_prefix(cut);
  if (text.size() < 2 || text[0] != ' ') return std::nullopt;
  stat.state = text[1];
  text.remove_prefix(2);
  if (!take_number(text, stat.parent) || !take_number(text, stat.group) || !take_number(text, stat.session)) {
    return std::nullopt;
  }
  return stat;
}

std::optional<ProcStat> read_proc_stat(pid_t pid) noexcept {
  char path[32] = "/proc/";
  char* const end = std::to_chars(path + std::strlen(path), path + 20, pid).ptr;
  std::memcpy(end, "/stat", sizeof "/stat");
  const UniqueFd file{open(path, O_RDONLY | O_CLOEXEC)};
  char text[512];
  const ssize_t size = file ? read(file.get(), text, sizeof text) : 0;
  return size > 0 ? parse_proc_stat({text, static_cast<std::size_t>(size)}) : std::nullopt;
}

std::string process_name(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/comm";
  const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  char text[64];
  const ssize_t size = file ? read(file.get(), text, sizeof text) : 0;
  return size > 1 ? std::string{text, static_cast<std::size_t>(size - 1)} : "?";
}

}  // namespace redlock::process
