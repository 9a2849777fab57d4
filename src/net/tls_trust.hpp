#pragma once

#include "net/tls_context.hpp"
#include "net/tls_settings.hpp"

#include <optional>
#include <string>

struct x509_store_st;  // X509_STORE of OpenSSL

namespace redlock::net {

struct Trust {
  std::optional<TlsProblem> problem;  // of ca_file or ca_dir
  std::string unusable;  // why CAs of the system are missing, for a person; empty: none is known to be
};

// Fills `store` with the CAs that `settings` names, or else with those of the system: as a folder from which OpenSSL takes
// a CA when it meets its name, since reading all of them takes longer than everything else that a run does. The file that
// holds all is read only if there is no such folder, or if $SSL_CERT_FILE asks for it.
Trust trust(x509_store_st& store, const TlsSettings& settings);

}  // namespace redlock::net
