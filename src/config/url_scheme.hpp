#pragma once

#include "redis/endpoint.hpp"

#include <string>
#include <string_view>

namespace redlock::config {

// How the URL of a node begins, in whatever case.
struct UrlScheme {
  std::string_view prefix;
  redis::NodeEndpoint::Transport transport;
};

// That of `url`; nullptr: it has none that a node can have.
const UrlScheme* find_scheme(std::string_view url);

// Why it has none, and what to write. Shows of the URL no more than a scheme of other clients: without one, the text may be
// any part of a URL.
std::string scheme_problem(std::string_view url);

}  // namespace redlock::config
