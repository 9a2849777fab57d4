#include "net/tls_context.hpp"

#include "base/text.hpp"
#include "net/tls_errors.hpp"
#include "net/tls_trust.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstring>
#include <new>
#include <optional>
#include <utility>

namespace redlock::net {
namespace {

// Answers OpenSSL when it asks for the password of a key. Without a callback OpenSSL would ask at the terminal.
struct KeyPassword {
  std::string_view text;
  bool asked = false;

  static int give(char* into, int size, int /*for_writing*/, void* data) {
    auto& password = *static_cast<KeyPassword*>(data);
    password.asked = true;
    if (password.text.empty() || password.text.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(into, password.text.data(), password.text.size());
    return static_cast<int>(password.text.size());
  }
};

std::optional<TlsProblem> show_certificate(SSL_CTX& context, const TlsSettings& settings) {
  const std::string& key_file = settings.key_file.empty() ? settings.cert_file : settings.key_file;
  const std::string_view key_setting = settings.key_file.empty() ? "cert_file" : "key_file";
  if (SSL_CTX_use_certificate_chain_file(&context, settings.cert_file.c_str()) != 1) {
    return TlsProblem{"cert_file", fmt::format("{}: {}", printable(settings.cert_file),
                                               why_unreadable("it holds no certificate in PEM"))};
  }
  KeyPassword password{.text = settings.key_password.reveal()};
  SSL_CTX_set_default_passwd_cb(&context, &KeyPassword::give);
  SSL_CTX_set_default_passwd_cb_userdata(&context, &password);
  const bool read = SSL_CTX_use_PrivateKey_file(&context, key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(&context, nullptr);
  SSL_CTX_set_default_passwd_cb(&context, [](char*, int, int, void*) { return -1; });
  if (read) return std::nullopt;
  if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH) {
    return TlsProblem{key_setting, fmt::format("{}: the key is not that of the certificate in {}",
                                               printable(key_file), printable(settings.cert_file))};
  }
  const std::string_view why = !password.asked ? "it holds no private key in PEM"
                               : password.text.empty()
                                   ? "the key is encrypted; set key_password_file or key_password_env"
                                   : "the password for the key is wrong";
  return TlsProblem{key_setting, fmt::format("{}: {}", printable(key_file), why_unreadable(why))};
}

}  // namespace

void start_openssl() {
  if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) != 1)
    throw std::bad_alloc{};
}

void TlsContext::FreeContext::operator()(ssl_ctx_st* context) const noexcept {
  SSL_CTX_free(context);
}

std::variant<std::shared_ptr<const TlsContext>, TlsProblem> TlsContext::make(const TlsSettings& settings) {
  start_openssl();
  Handle context{SSL_CTX_new(TLS_client_method())};
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) throw std::bad_alloc{};
  // Redis says how long each answer is, so that an end without a farewell is as good as one with it.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context.get(), 1);  // one recv(2) for what has come, instead of two for each record
  Trust trusted;
  if (!settings.insecure_skip_verify) trusted = trust(*SSL_CTX_get_cert_store(context.get()), settings);
  if (!trusted.problem && !settings.cert_file.empty()) trusted.problem = show_certificate(*context, settings);
  ERR_clear_error();
  if (trusted.problem) return std::move(*trusted.problem);
  return std::shared_ptr<const TlsContext>{new TlsContext{std::move(context), !settings.cert_file.empty(),
                                                          !settings.insecure_skip_verify,
                                                          std::move(trusted.unusable)}};
}

}  // namespace redlock::net
