#pragma once

#include <optional>
#include <string>
#include <string_view>

struct x509_store_ctx_st;  // X509_STORE_CTX of OpenSSL

// The errors of OpenSSL, in words that a person can act on. Text from certificates is escaped.
namespace redlock::net {

// Why a file could not be read: the oldest of OpenSSL's pending errors, which are dropped, if the operating system said
// it; otherwise `otherwise`.
std::string why_unreadable(std::string_view otherwise);

// Why the certificate that is looked at in `verification` is not accepted. `wanted`: the name that it should be for.
// `unusable_cas`: see TlsContext.
std::string why_not_trusted(x509_store_ctx_st& verification, std::string_view wanted,
                            std::string_view unusable_cas);

// The facts about a connection that TLS has ended.
struct TlsEnding {
  std::string_view heard;  // the first bytes that the node said
  bool asked_for_ours;     // it asked for a certificate of ours
  bool has_certificate;    // and we have one
};

// Why: after the oldest of OpenSSL's pending errors, which are dropped.
std::string why_tls_ended(const TlsEnding& ending);

}  // namespace redlock::net
