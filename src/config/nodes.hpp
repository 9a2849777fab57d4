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

// One node as a source describes it.
struct NodeEntry {
  redis::NodeEndpoint endpoint;  // with the user and password of the URL
  NodeSettings settings;         // at most one of the two has a password
  Place place;                   // of the URL
};

// Throws through fail() if the URL is malformed.
NodeEntry entry_from_url(std::string_view url, Place place);

// The nodes of --node. Warns about a password there, because ps(1) shows it.
std::vector<NodeEntry> nodes_from_flags(const std::vector<std::string>& urls);

// The nodes of $REDLOCK_NODES, separated by blanks or commas; nothing if it is unset or empty. Throws ConfigError if it
// has only separators: that is a mistake, not a wish for the default.
std::optional<std::vector<NodeEntry>> nodes_from_environment();

// Whether $REDLOCK_NODES is set and not empty.
bool nodes_in_environment();

// If $REDLOCK_NODES has a password: its value without users and passwords, or no value if they cannot be told apart.
std::optional<Concealed> nodes_variable_concealed();

// Prepares the endpoints for use: fetches passwords, CAs, certificates and keys, those `for_all` for nodes without their
// own. Refuses a user without a password and two URLs of one server; warns about two nodes and about certificates that are
// not verified.
std::vector<redis::NodeEndpoint> ready_nodes(std::vector<NodeEntry> entries, const NodeSettings& for_all);

}  // namespace redlock::config
