#include "config/nodes.hpp"

#include "base/log.hpp"
#include "config/source.hpp"
#include "config/tls.hpp"
#include "config/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::config {
namespace {

constexpr const char* kNodesVariable = "REDLOCK_NODES";
constexpr std::string_view kSeparators = ", \t\r\n";

// "--node", or "URL 2 of --node" if there are several: it must be possible to find a URL that cannot be shown.
std::string numbered(std::string_view what, std::size_t index, std::size_t count) {
  return count == 1 ? std::string{what} : fmt::format("URL {} of {}", index + 1, what);
}

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> urls;
  while (!list.empty()) {
    const std::size_t length = std::min(list.find_first_of(kSeparators), list.size());
    if (length != 0) urls.push_back(list.substr(0, length));
    list.remove_prefix(std::min(length + 1, list.size()));
  }
  return urls;
}

// The node's own credentials replace those for all nodes. A password in the URL belongs to the URL's user or to none.
void add_credentials(NodeEntry& entry, const NodeSettings& for_all, PasswordReader& passwords) {
  redis::NodeEndpoint& endpoint = entry.endpoint;
  const bool url_has_password = !endpoint.password.empty();
  if (endpoint.username.empty()) endpoint.username = text_of(entry.settings.username);
  if (!url_has_password) {
    const PasswordSource& source =
        entry.settings.password.given() ? entry.settings.password : for_all.password;
    endpoint.password = passwords.read(source);
    endpoint.password_doubt = password_doubt(source, endpoint.password);
    if (endpoint.username.empty()) endpoint.username = text_of(for_all.username);
  }
  // The message does not name the user: if the ':' was forgotten, it is the password.
  if (!endpoint.username.empty() && endpoint.password.empty()) {
    fail(entry.place,
         "the node has a user and no password; add password_file or password_env, or write ':' before a "
         "password "
         "that needs no user");
  }
}

void refuse_duplicates(const std::vector<NodeEntry>& entries) {
  for (std::size_t i = 1; i < entries.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!same_server(entries[i].endpoint, entries[j].endpoint)) continue;
      fail(entries[i].place,
           fmt::format("{} is the same server as {} ({}), and one server has one vote; name each node once",
                       entries[i].endpoint.display(), entries[j].endpoint.display(), entries[j].place.text));
    }
  }
}

}  // namespace

NodeEntry entry_from_url(std::string_view url, Place place) {
  auto parsed = parse_url(url);
  if (const auto* problem = std::get_if<UrlProblem>(&parsed)) fail(place, problem->text);
  NodeEntry entry;
  entry.endpoint = std::get<redis::NodeEndpoint>(std::move(parsed));
  entry.place = std::move(place);
  return entry;
}

std::vector<NodeEntry> nodes_from_flags(const std::vector<std::string>& urls) {
  std::vector<NodeEntry> entries;
  bool shows_password = false;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    entries.push_back(entry_from_url(urls[i], {Place::Origin::Flag, numbered("--node", i, urls.size())}));
    shows_password = shows_password || !entries.back().endpoint.password.empty();
  }
  if (shows_password) {
    log::warning(
        "the password of --node is in the list of processes, for everybody to see, until redlock has read "
        "it: use "
        "password_file or password_env in the configuration file");
  }
  return entries;
}

std::optional<std::vector<NodeEntry>> nodes_from_environment() {
  const char* const value = environment_value(kNodesVariable);
  if (value == nullptr) return std::nullopt;
  const std::vector<std::string_view> urls = split(value);
  if (urls.empty()) {
    fail({Place::Origin::Environment, kNodesVariable},
         "it names no node; list URLs such as redis://10.0.0.1:6379, or unset it");
  }
  std::vector<NodeEntry> entries;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    const std::string what = numbered(kNodesVariable, i, urls.size());
    entries.push_back(entry_from_url(urls[i], {Place::Origin::Environment, what}));
  }
  return entries;
}

bool nodes_in_environment() {
  return environment_value(kNodesVariable) != nullptr;
}

std::optional<Concealed> nodes_variable_concealed() {
  const char* const value = environment_value(kNodesVariable);
  if (value == nullptr || std::string_view{value}.find('@') == std::string_view::npos) return std::nullopt;
  Concealed concealed{.variable = kNodesVariable, .shown = std::string{}};
  for (const std::string_view url : split(value)) {
    if (std::holds_alternative<UrlProblem>(parse_url(url))) {
      concealed.shown.reset();
      break;
    }
    const std::string_view userinfo = userinfo_of(url);
    std::string bare{url};
    if (!userinfo.empty()) {
      bare.erase(static_cast<std::size_t>(userinfo.data() - url.data()), userinfo.size());
    }
    if (!concealed.shown->empty()) *concealed.shown += ' ';
    *concealed.shown += bare;
  }
  return concealed;
}

std::vector<redis::NodeEndpoint> ready_nodes(std::vector<NodeEntry> entries, const NodeSettings& for_all) {
  refuse_duplicates(entries);
  std::vector<redis::NodeEndpoint> endpoints;
  endpoints.reserve(entries.size());
  PasswordReader passwords;
  TlsReader tls{passwords};
  for (NodeEntry& entry : entries) {
    add_credentials(entry, for_all, passwords);
    tls.prepare(entry.endpoint, entry.settings, for_all);
    endpoints.push_back(std::move(entry.endpoint));
  }
  tls.warn();
  if (endpoints.size() == 2) {
    log::warning("2 nodes are no better than 1: both must answer; use 3 or 5");
  }
  return endpoints;
}

}  // namespace redlock::config
