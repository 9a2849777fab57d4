#include "base/error.hpp"
#include "linkage/tls_functions.hpp"

#include <new>
#include <utility>

namespace redlock::linkage {
namespace {

// The function, with what it throws as a value.
template <auto kFunction, class Signature = decltype(kFunction)>
struct Caught;

template <auto kFunction, class Value, class... Parameters>
struct Caught<kFunction, Value (*)(Parameters...)> {
  static ValueOrThrown<Value> call(Parameters... parameters) noexcept {
    try {
      return kFunction(std::forward<Parameters>(parameters)...);
    } catch (const Error& error) {
      return Thrown{error.status(), error.what()};
    } catch (const std::bad_alloc&) {
      return Thrown{0, {}};
    }
  }
};

}  // namespace
}  // namespace redlock::linkage

const redlock::linkage::TlsFunctions kRedlockTlsFunctions{
    .version = REDLOCK_VERSION,
    .make_context = &redlock::linkage::Caught<&redlock::net::TlsContext::make>::call,
    .make_stream = &redlock::linkage::Caught<&redlock::net::make_tls_stream>::call,
    .make_authority = &redlock::linkage::Caught<&redlock::sandbox::make_authority>::call,
};
