#pragma once

#include "config/node_settings.hpp"
#include "config/place.hpp"
#include "config/settings.hpp"
#include "redis/endpoint.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::config {

// One node as a source names it.
struct NodeEntry {
  redis::NodeEndpoint endpoint;  // with the user and password of the URL
  NodeSettings settings;         // at most one of the two has a password
  Place place;                   // of the URL
};

// Throws through fail() when the URL is malformed.
NodeEntry entry_from_url(std::string_view url, Place place);

// --node: a password there is warned about, because ps(1) shows it.
std::vector<NodeEntry> nodes_from_flags(const std::vector<std::string>& urls);

// $REDLOCK_NODES, blank- or comma-separated; nothing where it is unset or empty. Throws ConfigError when it
// holds separators only: that is a mistake, not a wish for the default.
std::optional<std::vector<NodeEntry>> nodes_from_environment();

// $REDLOCK_NODES, if there is a password in it: the same without users and passwords. What cannot be told apart
// is left out as a whole.
std::optional<Concealed> nodes_variable_concealed();

// Makes the endpoints ready for use: fetches passwords, CAs, certificates and keys, gives what is `for_all` to the nodes
// that have none of their own, refuses a user without a password, and two URLs of one server; warns about two nodes, and
// about certificates that are not looked at.
std::vector<redis::NodeEndpoint> ready_nodes(std::vector<NodeEntry> entries, const NodeSettings& for_all);

}  // namespace redlock::config
