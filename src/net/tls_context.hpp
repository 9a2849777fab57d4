#pragma once

#include "net/tls_settings.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

struct ssl_ctx_st;  // SSL_CTX of OpenSSL

namespace redlock::net {

// To be called before anything else of OpenSSL; may be called again. Without openssl.cnf: that costs time at each start,
// may load modules that a program which is linked statically cannot use, and what redlock demands of a connection should
// not change with the machine. And without a handler at exit: the kernel takes the memory back sooner.
void start_openssl();

// Which setting cannot be used, and why: "key_file", "/etc/redlock/key.pem: it is encrypted; ...".
struct TlsProblem {
  std::string_view key;
  std::string text;
};

// The CAs and our certificate, shared by connections with the same settings. The first one starts OpenSSL, so a run
// without TLS pays for no more than the program's size.
class TlsContext {
 public:
  // Reads the files that the settings name. The CAs of the system are looked for when a certificate comes. A private key
  // that is encrypted never makes OpenSSL ask for its password at the terminal.
  static std::variant<std::shared_ptr<const TlsContext>, TlsProblem> make(const TlsSettings& settings);

  ssl_ctx_st* get() const noexcept { return context_.get(); }

  // Whether we have a certificate to show.
  bool has_certificate() const noexcept { return has_certificate_; }

  // Whether the node must have a certificate that is good, and for it.
  bool verifies() const noexcept { return verifies_; }

  // Why CAs of the system are missing, for a person; empty: none is known to be.
  const std::string& unusable_cas() const noexcept { return unusable_cas_; }

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  using Handle = std::unique_ptr<ssl_ctx_st, FreeContext>;

  TlsContext(Handle context, bool has_certificate, bool verifies, std::string unusable_cas)
      : context_{std::move(context)},
        has_certificate_{has_certificate},
        verifies_{verifies},
        unusable_cas_{std::move(unusable_cas)} {}

  Handle context_;
  bool has_certificate_;
  bool verifies_;
  std::string unusable_cas_;
};

}  // namespace redlock::net
