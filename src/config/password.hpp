#pragma once

#include "base/secret.hpp"
#include "config/place.hpp"

#include <set>
#include <string>
#include <variant>

namespace redlock::config {

// The source of a password. It is not read before the node is used.
struct PasswordFile {
  std::string path;
};
struct PasswordVariable {
  std::string name;
};
struct PasswordSource {
  std::variant<std::monostate, Secret, PasswordFile, PasswordVariable> from;
  Place place;  // of the key that named it

  bool given() const noexcept { return !std::holds_alternative<std::monostate>(from); }
};

// Fetches passwords, and warns once for each world-readable file.
class PasswordReader {
 public:
  // Returns an empty password if nothing was given. Throws ConfigError if the file cannot be read or is empty, or the
  // variable is not set. One newline at the end of a file is not part of the password.
  Secret read(const PasswordSource& source);

 private:
  Secret from_file(const std::string& path, const Place& place);
  std::set<std::string> warned_;
};

// The likely fault of a password of a file or variable, for when a server refuses it: "file /etc/redlock/password ends in a
// second newline". Empty: nothing that can be seen.
std::string password_doubt(const PasswordSource& source, const Secret& password);

// The warning; `what` is "password_file" or "configuration file".
void warn_world_readable(const char* what, const std::string& path, const char* secret = "a password");

}  // namespace redlock::config
