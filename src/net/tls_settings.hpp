#pragma once

#include "base/secret.hpp"

#include <string>

namespace redlock::net {

// How the certificate of a node is checked, and with which one we answer when it asks for ours. All files are PEM.
struct TlsSettings {
  std::string ca_file{};    // this and ca_dir take the place of the system's CAs
  std::string ca_dir{};     // as openssl-rehash(1) leaves it
  std::string cert_file{};  // ours, and those between it and its CA; empty: none
  std::string key_file{};   // empty: cert_file holds the key, too
  Secret key_password{};    // for a key that is encrypted
  bool insecure_skip_verify = false;

  bool operator==(const TlsSettings&) const = default;
};

}  // namespace redlock::net
