#pragma once

#include "config/password.hpp"
#include "config/place.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace redlock::config {

// A text and its place in the file.
struct PlacedText {
  std::string text;
  Place place;
};

inline std::string text_of(const std::optional<PlacedText>& given) {
  return given ? given->text : std::string{};
}

// The settings of the file for one node, beside its URL, or for all nodes.
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
  Place first_tls;  // of the first key for TLS
};

// A key of the file. For a password, the end of the name says where it is: _file, _env, or else the value itself.
struct NodeKey {
  std::string_view name;
  std::variant<std::optional<PlacedText> NodeSettings::*, PasswordSource NodeSettings::*,
               std::optional<bool> NodeSettings::*>
      member;
  bool is_tls = true;
  bool is_path = true;  // a relative path starts at the folder of the file
};
inline constexpr NodeKey kNodeKeys[] = {
    {"username", &NodeSettings::username, false, false},
    {"password", &NodeSettings::password, false},
    {"password_file", &NodeSettings::password, false},
    {"password_env", &NodeSettings::password, false},
    {"ca_file", &NodeSettings::ca_file},
    {"ca_dir", &NodeSettings::ca_dir},
    {"cert_file", &NodeSettings::cert_file},
    {"key_file", &NodeSettings::key_file},
    {"key_password_file", &NodeSettings::key_password},
    {"key_password_env", &NodeSettings::key_password},
    {"server_name", &NodeSettings::server_name, true, false},
    {"insecure_skip_verify", &NodeSettings::insecure_skip_verify},
};

}  // namespace redlock::config
