#pragma once

#include "config/password.hpp"
#include "config/place.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace redlock::config {

// A text as the file gives it.
struct PlacedText {
  std::string text;
  Place place;
};

inline std::string text_of(const std::optional<PlacedText>& given) {
  return given ? given->text : std::string{};
}

// What the file says about one node beside its URL, or about all of them.
struct NodeSettings {
  std::optional<PlacedText> username;
  PasswordSource password;
  std::optional<PlacedText> ca_file;
  std::optional<PlacedText> ca_dir;
  std::optional<PlacedText> cert_file;
  std::optional<PlacedText> key_file;
  PasswordSource key_password;
  std::optional<PlacedText> server_name;
  std::optional<bool> insecure_skip_verify;
  Place first_tls;  // of the first key for TLS that was given
};

// A key of the file. One of a password says by its end where the password is: a file, a variable, or the value itself.
struct NodeKey {
  enum class Kind { Text, Path };

  std::string_view name;
  std::variant<std::optional<PlacedText> NodeSettings::*, PasswordSource NodeSettings::*,
               std::optional<bool> NodeSettings::*>
      member;
  bool is_tls = true;
  Kind kind = Kind::Path;  // of a text: a path starts at the folder of the file
};
inline constexpr NodeKey kNodeKeys[] = {
    {"username", &NodeSettings::username, false, NodeKey::Kind::Text},
    {"password", &NodeSettings::password, false},
    {"password_file", &NodeSettings::password, false},
    {"password_env", &NodeSettings::password, false},
    {"ca_file", &NodeSettings::ca_file},
    {"ca_dir", &NodeSettings::ca_dir},
    {"cert_file", &NodeSettings::cert_file},
    {"key_file", &NodeSettings::key_file},
    {"key_password_file", &NodeSettings::key_password},
    {"key_password_env", &NodeSettings::key_password},
    {"server_name", &NodeSettings::server_name, true, NodeKey::Kind::Text},
    {"insecure_skip_verify", &NodeSettings::insecure_skip_verify},
};

}  // namespace redlock::config
