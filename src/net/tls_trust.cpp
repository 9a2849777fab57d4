#include "net/tls_trust.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "net/tls_errors.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

namespace redlock::net {
namespace {

// The places in which distributions keep them, after the one that OpenSSL was built for.
constexpr std::array<const char*, 2> kSystemFolders{"/etc/ssl/certs", "/etc/pki/tls/certs"};
constexpr std::array<const char*, 4> kSystemFiles{"/etc/ssl/certs/ca-certificates.crt",
                                                  "/etc/pki/tls/certs/ca-bundle.crt",
                                                  "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

// "3513523f.0", as openssl-rehash(1) names the links to the certificates.
bool is_hash_name(std::string_view name) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.size() > 9 && name[8] == '.' && std::all_of(name.begin(), name.begin() + 8, is_hex) &&
         name[9] >= '0' && name[9] <= '9';
}

// Nothing if the folder can be used.
std::optional<std::string> why_unusable(const std::string& path) {
  const auto close = [](DIR* folder) { ::closedir(folder); };
  const std::unique_ptr<DIR, decltype(close)> folder{::opendir(path.c_str()), close};
  if (!folder) return errno_text(errno);
  while (const dirent* entry = ::readdir(folder.get())) {
    if (is_hash_name(entry->d_name)) return std::nullopt;
  }
  return "it holds no certificate under the hash of its name; run 'openssl rehash' on it";
}

// They are read when a certificate is checked, and by then this may be the process of another folder.
std::string absolute(std::string_view folders) {
  std::string all;
  while (!folders.empty()) {
    const std::size_t length = std::min(folders.find(':'), folders.size());
    std::error_code error;
    const std::filesystem::path path = std::filesystem::absolute(folders.substr(0, length), error);
    if (!all.empty()) all += ':';
    all += error ? std::string{folders.substr(0, length)} : path.string();
    folders.remove_prefix(std::min(length + 1, folders.size()));
  }
  return all;
}

void add_folder(X509_STORE& store, const char* path) {
  X509_LOOKUP* lookup = X509_STORE_add_lookup(&store, X509_LOOKUP_hash_dir());
  if (lookup == nullptr || X509_LOOKUP_add_dir(lookup, absolute(path).c_str(), X509_FILETYPE_PEM) != 1)
    throw std::bad_alloc{};
}

bool add_file(X509_STORE& store, const char* path) {
  X509_LOOKUP* lookup = X509_STORE_add_lookup(&store, X509_LOOKUP_file());
  if (lookup == nullptr) throw std::bad_alloc{};
  return X509_LOOKUP_load_file(lookup, path, X509_FILETYPE_PEM) == 1;
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

bool add_hashed(X509_STORE& store, const char* folders) {
  // A list separated by colons, of which each is looked into.
  for (std::string_view rest{folders}; !rest.empty();) {
    const std::size_t length = std::min(rest.find(':'), rest.size());
    if (!why_unusable(std::string{rest.substr(0, length)})) {
      add_folder(store, folders);
      return true;
    }
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return false;
}

constexpr std::string_view kNoCertificate = "it holds no certificate in PEM";

// Nowhere is no failure yet: what comes of it, an unknown CA, has a message that says what to do, and tells what this
// returns.
std::string trust_system(X509_STORE& store) {
  const char* const file = variable(X509_get_default_cert_file_env());
  const char* const folders = variable(X509_get_default_cert_dir_env());
  std::string unusable;
  const auto note = [&unusable](const char* name, const char* value, const std::string& why) {
    unusable += fmt::format("{}{} is {}: {}", unusable.empty() ? "" : "; ", name, quoted(value), why);
  };
  if (folders != nullptr && !add_hashed(store, folders)) {
    const std::string_view all{folders};
    note(X509_get_default_cert_dir_env(), folders,
         why_unusable(std::string{all.substr(0, all.find(':'))}).value_or(""));
  }
  if (file != nullptr && !add_file(store, file))
    note(X509_get_default_cert_file_env(), file, why_unreadable(kNoCertificate));
  if (file != nullptr || folders != nullptr) return unusable;

  const auto has_folder = [&](const char* folder) { return add_hashed(store, folder); };
  const auto has_file = [&](const char* each) { return add_file(store, each); };
  const bool found = has_folder(X509_get_default_cert_dir()) ||
                     std::any_of(kSystemFolders.begin(), kSystemFolders.end(), has_folder) ||
                     has_file(X509_get_default_cert_file()) ||
                     std::any_of(kSystemFiles.begin(), kSystemFiles.end(), has_file);
  return found ? "" : "this system has no CAs: install ca-certificates";
}

}  // namespace

Trust trust(x509_store_st& store, const TlsSettings& settings) {
  // A CA that is named is trusted, even if another stands above it.
  if (X509_STORE_set_flags(&store, X509_V_FLAG_PARTIAL_CHAIN) != 1) throw std::bad_alloc{};
  ERR_clear_error();
  if (settings.ca_file.empty() && settings.ca_dir.empty()) {
    Trust trust{.problem = {}, .unusable = trust_system(store)};
    ERR_clear_error();
    return trust;
  }
  const auto problem = [](std::string_view key, const std::string& path, const std::string& why) {
    return Trust{.problem = TlsProblem{key, fmt::format("{}: {}", printable(path), why)}, .unusable = {}};
  };
  if (!settings.ca_file.empty() && !add_file(store, settings.ca_file.c_str()))
    return problem("ca_file", settings.ca_file, why_unreadable(kNoCertificate));
  if (settings.ca_dir.empty()) return {};
  if (const auto why = why_unusable(settings.ca_dir)) return problem("ca_dir", settings.ca_dir, *why);
  add_folder(store, settings.ca_dir.c_str());
  return {};
}

}  // namespace redlock::net
