#pragma once

#include "config/node_settings.hpp"
#include "net/tls_context.hpp"
#include "redis/endpoint.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace redlock::config {

// Throws through fail() if keys contradict each other, whether or not the node is used.
void check_tls(const NodeSettings& keys);

// Prepares endpoints for TLS. Nodes with the same settings share one context.
class TlsReader {
 public:
  explicit TlsReader(PasswordReader& passwords) : passwords_{passwords} {}

  // Leaves endpoints of other transports alone. A node's own CAs replace those `for_all`, and so do its certificate and
  // key. Throws ConfigError for a file that cannot be used.
  void prepare(redis::NodeEndpoint& endpoint, const NodeSettings& own, const NodeSettings& for_all);

  // Warns about the nodes whose certificate is not verified.
  void warn() const;

 private:
  PasswordReader& passwords_;
  std::vector<std::pair<net::TlsSettings, std::shared_ptr<const net::TlsContext>>> made_;
  std::vector<std::string> unverified_;
};

}  // namespace redlock::config
