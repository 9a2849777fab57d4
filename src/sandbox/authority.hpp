#pragma once

#include <string>

namespace redlock::sandbox {

// The files of a CA that exists for one sandbox, and of the certificate that it gave to all servers: for localhost,
// 127.0.0.1 and ::1. The CA's own key is kept nowhere.
struct Authority {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
};

// Makes them, with keys that take no time to make (P-256), in `folder`. Throws SystemError.
Authority make_authority(const std::string& folder);

}  // namespace redlock::sandbox
