#include "net/tls_settings.hpp"

namespace redlock::net {

bool operator==(const TlsSettings& a, const TlsSettings& b) {
  return a.ca_file == b.ca_file && a.ca_dir == b.ca_dir && a.cert_file == b.cert_file &&
         a.key_file == b.key_file && a.key_password.reveal() == b.key_password.reveal() &&
         a.insecure_skip_verify == b.insecure_skip_verify;
}

}  // namespace redlock::net
