#include "config/tls.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/stat.h>

#include <algorithm>

namespace redlock::config {
namespace {

constexpr std::size_t kLongestName = 253;  // RFC 1035, section 2.3.4

void warn_of_readable_key(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & S_IROTH) == 0)
    return;
  warn_world_readable("key_file", path, "a private key");
}

bool is_name_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view{"-._:"}.find(c) != std::string_view::npos;
}

}  // namespace

void check_tls(const NodeSettings& keys) {
  if (!keys.cert_file && keys.key_file) {
    fail(keys.key_file->place, "a key is of no use without its certificate; add cert_file");
  }
  if (!keys.cert_file && keys.key_password.given()) {
    fail(keys.key_password.place, "there is no key that it is for; add cert_file and key_file");
  }
  if (keys.server_name &&
      (keys.server_name->text.size() > kLongestName ||
       !std::all_of(keys.server_name->text.begin(), keys.server_name->text.end(), is_name_character))) {
    fail(keys.server_name->place, "it is neither a host name nor an IP address");
  }
}

void TlsReader::prepare(redis::NodeEndpoint& endpoint, const NodeSettings& own, const NodeSettings& for_all) {
  if (endpoint.transport != redis::NodeEndpoint::Transport::Tls) return;
  const NodeSettings& trusted = own.ca_file || own.ca_dir ? own : for_all;
  const NodeSettings& ours = own.cert_file ? own : for_all;
  net::TlsSettings settings{.ca_file = text_of(trusted.ca_file),
                            .ca_dir = text_of(trusted.ca_dir),
                            .cert_file = text_of(ours.cert_file),
                            .key_file = text_of(ours.key_file),
                            .key_password = passwords_.read(ours.key_password),
                            .insecure_skip_verify = own.insecure_skip_verify.value_or(
                                for_all.insecure_skip_verify.value_or(false))};
  endpoint.server_name = text_of(own.server_name ? own.server_name : for_all.server_name);
  if (settings.insecure_skip_verify) unverified_.push_back(endpoint.display());

  const auto same =
      std::find_if(made_.begin(), made_.end(), [&](const auto& each) { return each.first == settings; });
  if (same != made_.end()) {
    endpoint.tls = same->second;
    return;
  }
  auto made = net::TlsContext::make(settings);
  if (const auto* problem = std::get_if<net::TlsProblem>(&made)) {
    for (const NodeKey& key : kNodeKeys) {
      const auto* const text = std::get_if<std::optional<PlacedText> NodeSettings::*>(&key.member);
      if (text == nullptr || key.name != problem->key) continue;
      fail(((key.name.starts_with("ca_") ? trusted : ours).**text)->place, problem->text);
    }
  }
  endpoint.tls = std::get<std::shared_ptr<const net::TlsContext>>(std::move(made));
  if (!settings.cert_file.empty())
    warn_of_readable_key(settings.key_file.empty() ? settings.cert_file : settings.key_file);
  made_.emplace_back(std::move(settings), endpoint.tls);
}

void TlsReader::warn() const {
  if (unverified_.empty()) return;
  log::warning(fmt::format(
      "insecure_skip_verify: whoever stands between here and {} can read and change what is said. Name "
      "the CA in ca_file instead",
      fmt::join(unverified_, ", ")));
}

}  // namespace redlock::config
