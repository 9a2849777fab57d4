#include "sandbox/authority.hpp"

#include "base/deleter.hpp"
#include "net/tls_context.hpp"
#include "sandbox/private_file.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <new>
#include <string_view>

namespace redlock::sandbox {
namespace {

using PrivateKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;

constexpr long kDay = 24L * 3600;
constexpr long kLife = 3650 * kDay;

// Nothing here depends on anything but memory.
void check(bool good) {
  if (!good) throw std::bad_alloc{};
}

PrivateKey make_key() {
  PrivateKey key{EVP_EC_gen("P-256")};
  check(key != nullptr);
  return key;
}

void extend(X509& certificate, int what, const char* value) {
  const Extension extension{X509V3_EXT_conf_nid(nullptr, nullptr, what, value)};
  check(extension && X509_add_ext(&certificate, extension.get(), -1) == 1);
}

// A certificate without its names of issuer, extensions and signature.
Certificate begin(EVP_PKEY& key, long serial, const char* name) {
  Certificate certificate{X509_new()};
  check(certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay) != nullptr &&
        X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kLife) != nullptr &&
        X509_set_pubkey(certificate.get(), &key) == 1 &&
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name), -1, -1, 0) == 1);
  return certificate;
}

void sign(X509& certificate, const X509& issuer, EVP_PKEY& key) {
  check(X509_set_issuer_name(&certificate, X509_get_subject_name(&issuer)) == 1 &&
        X509_sign(&certificate, &key, EVP_sha256()) != 0);
}

template <class Write>
void write_pem(const std::string& path, const Write& write) {
  const Bio memory{BIO_new(BIO_s_mem())};
  check(memory && write(memory.get()) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  write_private_file(path, std::string_view{text, static_cast<std::size_t>(length)});
}

}  // namespace

Authority make_authority(const std::string& folder) {
  net::start_openssl();
  const PrivateKey ca_key = make_key();
  const Certificate ca = begin(*ca_key, 1, "redlock sandbox CA");
  extend(*ca, NID_basic_constraints, "critical,CA:TRUE");
  extend(*ca, NID_key_usage, "critical,keyCertSign");
  sign(*ca, *ca, *ca_key);

  const PrivateKey key = make_key();
  const Certificate server = begin(*key, 2, "redlock sandbox");
  extend(*server, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  sign(*server, *ca, *ca_key);

  Authority made{
      .ca_file = folder + "/ca.pem", .cert_file = folder + "/server.pem", .key_file = folder + "/server.key"};
  write_pem(made.ca_file, [&](BIO* to) { return PEM_write_bio_X509(to, ca.get()); });
  write_pem(made.cert_file, [&](BIO* to) { return PEM_write_bio_X509(to, server.get()); });
  write_pem(made.key_file, [&](BIO* to) {
    return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return made;
}

}  // namespace redlock::sandbox
