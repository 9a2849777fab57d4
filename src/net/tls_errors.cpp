#include "net/tls_errors.hpp"

#include "base/deleter.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <vector>

namespace redlock::net {
namespace {

constexpr std::size_t kMostNames = 4;
constexpr std::size_t kLongestName = 100;

std::string text_of(const ASN1_STRING* string) {
  const auto length = static_cast<std::size_t>(std::max(ASN1_STRING_length(string), 0));
  const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(string));
  return quoted({bytes, length}, kLongestName);
}

std::string address_of(const ASN1_STRING* string) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(string) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(string) != 16) return text_of(string);
  inet_ntop(family, ASN1_STRING_get0_data(string), text.data(), text.size());
  return quoted(text.data());
}

std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

// Whom a certificate is for: its alternative names, or where it has none its common name.
std::vector<std::string> names_in(const X509* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> alternatives{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_DNS) names.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) names.push_back(address_of(name->d.iPAddress));
  }
  if (names.empty()) {
    if (std::string name = common_name(X509_get_subject_name(certificate)); !name.empty())
      names.push_back(name);
  }
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  if (names.empty()) return "nobody";
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMostNames; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMostNames) text += fmt::format(" and {} more", names.size() - kMostNames);
  return text;
}

std::string date(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "a date that is none";
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

// The oldest error that is pending; the others follow from it. Drops all.
unsigned long take_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  return error;
}

struct Alert {
  int reason;
  std::string_view words;
};

// The alerts by which a node refuses our certificate.
constexpr std::array kAgainstOurs{
    Alert{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it is damaged"},
    Alert{SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "it is of a kind that the node does not take"},
    Alert{SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "it is revoked"},
    Alert{SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "it is expired"},
    Alert{SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the node does not say why"},
    Alert{SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the node does not know its CA"},
    Alert{SSL_R_TLSV1_ALERT_ACCESS_DENIED, "it gives no access there"},
    Alert{SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "its signature is wrong"},
};

constexpr std::array kTooOld{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, SSL_R_UNSUPPORTED_PROTOCOL,
                             SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, SSL_R_BAD_PROTOCOL_VERSION_NUMBER};

constexpr std::string_view kTlsRecords{"\x14\x15\x16\x17"};

// The first bytes are those of no TLS record.
std::string why_no_tls(std::string_view heard) {
  constexpr std::string_view redis_types = "+-:$*";
  if (redis_types.find(heard.front()) != std::string_view::npos) {
    return "it speaks Redis without TLS on this port: use redis://";
  }
  if (heard.starts_with("HTTP")) return "it speaks HTTP and not TLS: is this the port of a web server?";
  return fmt::format("it does not speak TLS: {}", quoted(heard, 16));
}

}  // namespace

std::string why_unreadable(std::string_view otherwise) {
  const unsigned long error = take_error();
  return error != 0 && ERR_SYSTEM_ERROR(error) ? errno_text(ERR_GET_REASON(error)) : std::string{otherwise};
}

std::string why_not_trusted(X509_STORE_CTX& verification, std::string_view wanted,
                            std::string_view unusable_cas) {
  const X509* const certificate = X509_STORE_CTX_get_current_cert(&verification);
  const int error = X509_STORE_CTX_get_error(&verification);
  const bool is_nodes = X509_STORE_CTX_get_error_depth(&verification) == 0;
  const std::string_view whose = is_nodes ? "its certificate" : "the certificate of its CA";
  if (certificate == nullptr)
    return fmt::format("its certificate is not accepted: {}", X509_verify_cert_error_string(error));
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("{} expired on {}: renew it there, or set the clock here", whose,
                         date(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("{} is valid from {} on: set the clock here, or renew it there", whose,
                         date(X509_get0_notBefore(certificate)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("its certificate is for {}, not for {}: use that name in the URL, or as server_name",
                         listed(names_in(certificate)), quoted(wanted, kLongestName));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: {
      const std::string issuer = common_name(X509_get_issuer_name(certificate));
      return fmt::format("its certificate is from an unknown CA{}{}: name the file with that CA as ca_file",
                         issuer.empty() ? "" : ", " + issuer,
                         unusable_cas.empty() ? "" : fmt::format(" ({})", unusable_cas));
    }
    default: return fmt::format("{} is not accepted: {}", whose, X509_verify_cert_error_string(error));
  }
}

std::string why_tls_ended(const TlsEnding& ending) {
  const unsigned long error = take_error();
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  if (!ending.heard.empty() && kTlsRecords.find(ending.heard.front()) == std::string_view::npos) {
    return why_no_tls(ending.heard);
  }
  if (std::find(kTooOld.begin(), kTooOld.end(), reason) != kTooOld.end()) {
    return "it speaks no TLS that is new enough (1.2 or 1.3): see its tls-protocols";
  }
  // TLS 1.2 has no alert of its own for a certificate that is missing.
  if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
      (ending.asked_for_ours && !ending.has_certificate && reason != 0)) {
    return ending.has_certificate ? "it wants another client certificate: see cert_file"
                                  : "it asks for a client certificate: set cert_file and key_file";
  }
  for (const Alert& alert : kAgainstOurs) {
    if (alert.reason == reason)
      return fmt::format("it does not accept the client certificate (cert_file): {}", alert.words);
  }
  if (reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE || reason == SSL_R_NO_CIPHERS_AVAILABLE) {
    return "it has no cipher in common with us: see its tls-ciphers and tls-ciphersuites";
  }
  const char* const text = ERR_reason_error_string(error);
  return text == nullptr ? "for a reason that OpenSSL does not tell" : printable(text);
}

}  // namespace redlock::net
