#pragma once

#include "net/stream.hpp"
#include "net/tls_context.hpp"
#include "sandbox/authority.hpp"

#include <memory>
#include <string>
#include <variant>

// OpenSSL costs a position independent program more at each start than all the rest of it, whether or not a node speaks
// TLS. Such a program is linked with tls_calls.cpp instead of the code that uses OpenSSL. That code is in a shared object of
// its own, with tls_exports.cpp, which the first call loads. Each has its own copy of what both use.
namespace redlock::linkage {

// What a function has thrown. No exception passes from one to the other: each may have a C++ runtime of its own.
struct Thrown {
  int status;  // of an Error; 0: there was no memory
  std::string message;
};

template <class Value>
using ValueOrThrown = std::variant<Value, Thrown>;

using ContextOrProblem = std::variant<std::shared_ptr<const net::TlsContext>, net::TlsProblem>;

// All that the program calls in the code that uses OpenSSL.
struct TlsFunctions {
  const char* version;  // of redlock: both are of one build
  ValueOrThrown<ContextOrProblem> (*make_context)(const net::TlsSettings& settings) noexcept;
  ValueOrThrown<std::unique_ptr<net::Stream>> (*make_stream)(const net::Endpoint& endpoint,
                                                             UniqueFd socket) noexcept;
  ValueOrThrown<sandbox::Authority> (*make_authority)(const std::string& folder) noexcept;
};

// The file is looked for where the program's RUNPATH says.
inline constexpr const char* kModuleFile = "redlock-tls.so";

}  // namespace redlock::linkage

extern "C" const redlock::linkage::TlsFunctions kRedlockTlsFunctions;
