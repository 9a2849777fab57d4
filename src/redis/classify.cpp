#include "redis/classify.hpp"

#include "base/text.hpp"

#include <array>
#include <utility>

namespace redlock::redis {
namespace {

using Kind = quorum::Failure::Kind;

struct Rule {
  std::string_view begins;
  Kind kind;
};

// How error replies of Redis 6 to 7 and Valkey begin.
constexpr std::array kRules{
    Rule{"NOAUTH ", Kind::AuthRequired},
    Rule{"WRONGPASS ", Kind::AuthFailed},
    Rule{"ERR invalid password", Kind::AuthFailed},
    Rule{"ERR Client sent AUTH, but no password is set", Kind::AuthFailed},
    Rule{"ERR AUTH ", Kind::AuthFailed},
    Rule{"NOPERM ", Kind::NotPermitted},
    Rule{"ERR The user executing the script can't ",
         Kind::NotPermitted},  // Redis 7.0, of a command in a script
    Rule{"READONLY ", Kind::ReadOnly},
    Rule{"MASTERDOWN ", Kind::ReadOnly},
    Rule{"LOADING ", Kind::Loading},
    Rule{"OOM ", Kind::OutOfMemory},
    Rule{"MISCONF ", Kind::PersistenceBroken},
    Rule{"BUSY ", Kind::Busy},
    Rule{"MOVED ", Kind::ClusterMode},
    Rule{"ASK ", Kind::ClusterMode},
    Rule{"TRYAGAIN ", Kind::ClusterMode},
    Rule{"CLUSTERDOWN ", Kind::ClusterMode},
    Rule{"CROSSSLOT ", Kind::ClusterMode},
    Rule{"ERR SELECT is not allowed in cluster mode", Kind::ClusterMode},
    Rule{"NOREPLICAS ", Kind::NoReplicas},
    Rule{"DENIED ", Kind::ProtectedMode},
    Rule{"ERR max number of clients", Kind::TooManyClients},
    Rule{"ERR invalid DB index", Kind::NoSuchDatabase},
    Rule{"ERR DB index is out of range", Kind::NoSuchDatabase},
};

const Rule* find_rule(std::string_view error) {
  for (const Rule& rule : kRules) {
    if (error.starts_with(rule.begins)) return &rule;
  }
  return nullptr;
}

constexpr std::string_view kWrapper = "ERR Error running script";

// Redis 6 wraps what a command inside a script says:
// "ERR Error running script (call to f_6b1b...): @user_script:3: -READONLY You can't write ...".
std::string_view unwrap(std::string_view error) {
  if (!error.starts_with(kWrapper)) return error;
  for (std::size_t at = error.find(": "); at != std::string_view::npos; at = error.find(": ", at + 1)) {
    std::string_view inner = error.substr(at + 2);
    if (inner.starts_with('-')) inner.remove_prefix(1);
    if (find_rule(inner) != nullptr) return inner;
  }
  return error;
}

}  // namespace

quorum::Failure classify(std::string_view error) {
  const std::string_view inner = unwrap(error);
  const Rule* rule = find_rule(inner);
  return {.kind = rule != nullptr ? rule->kind : Kind::OtherError, .detail = printable(inner, 256)};
}

bool refuses_command(std::string_view error) {
  return error.starts_with("NOPERM ") || error.starts_with("ERR unknown command");
}

quorum::Failure failure_of(net::ConnectionFailure failure) {
  using From = net::ConnectionFailure::Kind;
  const auto kind = [&] {
    switch (failure.kind) {
      case From::Unresolved: return Kind::Unresolved;
      case From::Refused: return Kind::Refused;
      case From::Unreachable: return Kind::Unreachable;
      case From::TlsFailed: return Kind::TlsFailed;
      case From::Disconnected: return Kind::Disconnected;
    }
    return Kind::Disconnected;
  };
  return {.kind = kind(), .detail = std::move(failure.detail)};
}

}  // namespace redlock::redis
