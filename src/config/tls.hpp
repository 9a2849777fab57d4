#pragma once

#include "config/password.hpp"
#include "config/place.hpp"
#include "redis/endpoint.hpp"
#include "redis/tls_context.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::config {

// A text as the file gives it.
struct PlacedText {
  std::string text;
  Place place;
};

// What the file says about TLS, for one node or for all.
struct TlsKeys {
  std::optional<PlacedText> ca_file;
  std::optional<PlacedText> ca_dir;
  std::optional<PlacedText> cert_file;
  std::optional<PlacedText> key_file;
  PasswordSource key_password;
  std::optional<PlacedText> server_name;
  std::optional<bool> insecure_skip_verify;
  Place first;  // of the first key that was given
};

// The keys whose value is a text; all but the last are paths of files or folders.
struct TlsTextKey {
  std::string_view name;
  std::optional<PlacedText> TlsKeys::*member;
};
inline constexpr std::array<TlsTextKey, 5> kTlsTextKeys{{{"ca_file", &TlsKeys::ca_file},
                                                         {"ca_dir", &TlsKeys::ca_dir},
                                                         {"cert_file", &TlsKeys::cert_file},
                                                         {"key_file", &TlsKeys::key_file},
                                                         {"server_name", &TlsKeys::server_name}}};
inline constexpr std::array<std::string_view, 2> kTlsPasswordKeys{"key_password_file", "key_password_env"};
inline constexpr std::string_view kTlsSkipKey = "insecure_skip_verify";

// Throws through fail() for keys that do not go together, whether or not the node is used.
void check_tls(const TlsKeys& keys);

// Makes endpoints ready for TLS. Nodes with the same settings share what is made of them.
class TlsReader {
 public:
  explicit TlsReader(PasswordReader& passwords) : passwords_{passwords} {}

  // For an endpoint of Transport::Tls; the others are left alone. A node's own CAs take the place of those `for_all`, and
  // so do its certificate and key. Throws ConfigError for a file that cannot be used.
  void prepare(redis::Endpoint& endpoint, const TlsKeys& own, const TlsKeys& for_all);

  // Warns about the nodes whose certificate is not looked at.
  void warn() const;

 private:
  PasswordReader& passwords_;
  std::vector<std::pair<redis::TlsSettings, std::shared_ptr<const redis::TlsContext>>> made_;
  std::vector<std::string> unverified_;
};

}  // namespace redlock::config
