#include "base/error.hpp"
#include "base/text.hpp"
#include "linkage/tls_functions.hpp"

#include <fmt/format.h>

#include <dlfcn.h>

#include <new>
#include <string_view>
#include <utility>

namespace redlock {
namespace linkage {
namespace {

[[noreturn]] void refuse(std::string_view why) {
  throw Error{exit_status::kSystem,
              fmt::format("cannot speak TLS: {}. Install redlock again, all of it", why)};
}

// It stays loaded: what it made may live until the end of the program.
const TlsFunctions& load() {
  void* const module = ::dlopen(kModuleFile, RTLD_NOW | RTLD_LOCAL);
  const void* const found = module == nullptr ? nullptr : ::dlsym(module, "kRedlockTlsFunctions");
  if (found == nullptr) refuse(printable(::dlerror(), 300));
  const auto& functions = *static_cast<const TlsFunctions*>(found);
  if (std::string_view{functions.version} != REDLOCK_VERSION) {
    refuse(fmt::format("{} is of version {}, and this is {}", kModuleFile, printable(functions.version, 40),
                       REDLOCK_VERSION));
  }
  return functions;
}

const TlsFunctions& functions() {
  static const TlsFunctions& loaded = load();
  return loaded;
}

template <class Value>
Value value_of(ValueOrThrown<Value> result) {
  const auto* const thrown = std::get_if<Thrown>(&result);
  if (thrown == nullptr) return std::get<Value>(std::move(result));
  if (thrown->status == 0) throw std::bad_alloc{};
  throw Error{thrown->status, thrown->message};
}

}  // namespace
}  // namespace linkage

linkage::ContextOrProblem net::TlsContext::make(const TlsSettings& settings) {
  return linkage::value_of(linkage::functions().make_context(settings));
}

std::unique_ptr<net::Stream> net::make_tls_stream(const Endpoint& endpoint, UniqueFd socket) {
  return linkage::value_of(linkage::functions().make_stream(endpoint, std::move(socket)));
}

sandbox::Authority sandbox::make_authority(const std::string& folder) {
  return linkage::value_of(linkage::functions().make_authority(folder));
}

}  // namespace redlock
