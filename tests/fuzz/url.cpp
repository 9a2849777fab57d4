// The URL of a node.
#include "config/url.hpp"

#include "fuzz.hpp"

#include <string>

using namespace redlock;
using fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view url = fuzz::as_text(data, size);
  const auto parsed = config::parse_url(url);
  if (const auto* problem = std::get_if<config::UrlProblem>(&parsed)) {
    must(!problem->text.empty() && fuzz::presentable(problem->text), "what is wrong with a URL can be shown");
    return 0;
  }
  const auto& endpoint = std::get<redis::NodeEndpoint>(parsed);
  must(fuzz::presentable(endpoint.display()), "an endpoint can be shown");
  must(config::same_server(endpoint, endpoint), "a server is the same as itself");

  // Without user and password, as the command of a run may see it, it leads to the same place.
  const std::string_view userinfo = config::userinfo_of(url);
  std::string bare{url};
  if (!userinfo.empty()) bare.erase(static_cast<std::size_t>(userinfo.data() - url.data()), userinfo.size());
  const auto again = config::parse_url(bare);
  const auto* other = std::get_if<redis::NodeEndpoint>(&again);
  must(other != nullptr, "a URL without its user is a URL");
  must(other->username.empty() && other->password.empty(), "and has neither user nor password");
  must(config::same_server(endpoint, *other) && other->db == endpoint.db && other->path == endpoint.path,
       "and leads to the same place");
  return 0;
}
