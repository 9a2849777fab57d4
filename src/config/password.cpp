#include "config/password.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "config/read_file.hpp"
#include "config/source.hpp"

#include <fmt/format.h>

namespace redlock::config {

Secret PasswordReader::read(const PasswordSource& source) {
  if (const auto* inline_password = std::get_if<Secret>(&source.from)) return *inline_password;
  if (const auto* file = std::get_if<PasswordFile>(&source.from)) return from_file(file->path, source.place);
  if (const auto* variable = std::get_if<PasswordVariable>(&source.from)) {
    const char* const value = environment_value(variable->name.c_str());
    if (value == nullptr) {
      fail(source.place, fmt::format("the variable {} is not set, or empty; set it to the password",
                                     printable(variable->name)));
    }
    return Secret{value};
  }
  return {};
}

Secret PasswordReader::from_file(const std::string& path, const Place& place) {
  const ReadResult result = read_file(path);
  if (!result.content) fail(place, fmt::format("{}: {}", printable(path), result.error));
  std::string_view text = result.content->text.reveal();
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) fail(place, fmt::format("{} is empty; write the password into it", printable(path)));
  if (result.content->world_readable && warned_.insert(path).second) {
    warn_world_readable("password_file", path);
  }
  return Secret{std::string{text}};
}

std::string password_doubt(const PasswordSource& source, const Secret& password) {
  std::string where;
  if (const auto* file = std::get_if<PasswordFile>(&source.from)) where = "file " + printable(file->path);
  if (const auto* variable = std::get_if<PasswordVariable>(&source.from))
    where = "variable " + printable(variable->name);
  const std::string_view text = password.reveal();
  if (where.empty() || text.empty()) return {};
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  const char* const oddity = text.starts_with("\xef\xbb\xbf")               ? "begins with a byte order mark"
                             : text.find('\0') != std::string_view::npos    ? "holds a NUL byte"
                             : text.ends_with('\n') || text.ends_with('\r') ? "ends in a second newline"
                             : is_blank(text.back())                        ? "ends in a blank"
                             : is_blank(text.front())                       ? "begins with a blank"
                                                                            : nullptr;
  return oddity == nullptr ? "" : fmt::format("{} {}", where, oddity);
}

void warn_world_readable(const char* what, const std::string& path, const char* secret) {
  const std::string shown = printable(path);
  log::warning(fmt::format("{} {} holds {} and everybody on this machine can read it: chmod 600 {}", what,
                           shown, secret, shown));
}

}  // namespace redlock::config
