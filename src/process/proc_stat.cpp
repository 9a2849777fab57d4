#include "process/proc_stat.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace redlock::process {
namespace {

// The next number of a blank-separated list, taken off its front.
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

std::optional<ProcStat> read_proc_stat(int proc, const char* pid) noexcept {
  char path[32];
  const std::size_t length = strnlen(pid, sizeof path);
  constexpr std::string_view file_name = "/stat";
  if (length + file_name.size() + 1 > sizeof path) return std::nullopt;
  std::memcpy(path, pid, length);
  std::memcpy(path + length, file_name.data(), file_name.size());
  path[length + file_name.size()] = '\0';

  const UniqueFd file{openat(proc, path, O_RDONLY | O_CLOEXEC)};
  if (!file) return std::nullopt;
  char text[512];
  const ssize_t size = read(file.get(), text, sizeof text);
  if (size <= 0) return std::nullopt;
  return parse_proc_stat({text, static_cast<std::size_t>(size)});
}

std::optional<ProcStat> read_proc_stat(int proc, pid_t pid) noexcept {
  char name[16]{};
  std::to_chars(name, name + sizeof name - 1, pid);
  return read_proc_stat(proc, name);
}

std::optional<ProcStat> read_proc_stat(pid_t pid) noexcept {
  const UniqueFd proc{open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!proc) return std::nullopt;
  return read_proc_stat(proc.get(), pid);
}

std::string process_name(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/comm";
  const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  char text[64];
  const ssize_t size = file ? read(file.get(), text, sizeof text) : 0;
  return size > 1 ? std::string{text, static_cast<std::size_t>(size - 1)} : "?";
}

}  // namespace redlock::process
