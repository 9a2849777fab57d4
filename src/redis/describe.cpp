#include "redis/describe.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace redlock::redis {
namespace {

using Kind = quorum::Failure::Kind;

struct Words {
  Kind kind;
  std::string_view bare;      // when there is no detail
  std::string_view detailed;  // {detail}; {host} and {db} are the endpoint's, {user} and {whom} name its user
};

constexpr std::array kWords{
    Words{Kind::Unresolved, "its name cannot be resolved: check the host in the URL",
          "the name {host} cannot be resolved: {detail}"},
    Words{Kind::Refused, "connection refused: is redis-server running there?",
          "connection refused: is redis-server running there?"},
    Words{Kind::Unreachable, "cannot be reached", "cannot be reached: {detail}"},
    Words{Kind::TimedOut, "timed out", "timed out ({detail})"},
    Words{Kind::Disconnected, "the connection ended before the answer",
          "the connection ended before the answer: {detail}"},
    Words{Kind::Garbled, "what it answers is not the Redis protocol: check host and port",
          "not a usable answer: {detail}"},
    Words{Kind::AuthRequired,
          "asks for a password (NOAUTH): set it in the URL, password_file or password_env",
          "asks for a password (NOAUTH): set it in the URL, password_file or password_env"},
    Words{Kind::AuthFailed, "does not accept the password{user}",
          "does not accept the password{user}: {detail}"},
    Words{Kind::NotPermitted, "its ACL forbids {whom} what a lock needs: see redlock(1), NOTES",
          "its ACL forbids {whom} what a lock needs ({detail}): see redlock(1), NOTES"},
    Words{Kind::ReadOnly, "is a replica, and read-only: name its master instead",
          "is a replica, and read-only: name its master instead"},
    Words{Kind::Loading, "is still loading its data after a start: it can vote when that is done",
          "is still loading its data after a start: it can vote when that is done"},
    Words{Kind::OutOfMemory, "has no memory left (OOM): see its maxmemory",
          "has no memory left (OOM): see its maxmemory"},
    Words{Kind::PersistenceBroken, "cannot save to its disk (MISCONF) and so refuses writes: see its log",
          "cannot save to its disk (MISCONF) and so refuses writes: see its log"},
    Words{Kind::Busy, "is busy with somebody's script (BUSY): see SCRIPT KILL",
          "is busy with somebody's script (BUSY): see SCRIPT KILL"},
    Words{Kind::ClusterMode, "is part of a Redis Cluster, whose keys move: a lock needs independent servers",
          "is part of a Redis Cluster, whose keys move: a lock needs independent servers ({detail})"},
    Words{Kind::TooManyClients, "has as many clients as it takes: see its maxclients",
          "has as many clients as it takes: see its maxclients"},
    Words{Kind::ProtectedMode,
          "is in protected mode and serves its own machine only: give it a password, or set its bind",
          "is in protected mode and serves its own machine only: give it a password, or set its bind"},
    Words{Kind::NoReplicas, "has too few replicas to take writes (NOREPLICAS): see its min-replicas-to-write",
          "has too few replicas to take writes (NOREPLICAS): see its min-replicas-to-write"},
    Words{Kind::NoSuchDatabase, "has no database {db}: see its setting databases",
          "has no database {db}: see its setting databases"},
    Words{Kind::TlsFailed, "TLS failed", "TLS failed: {detail}"},
    Words{Kind::Cancelled, "was not asked", "was not asked: {detail}"},
    Words{Kind::OtherError, "answers with an error", "answers with an error: {detail}"},
};

}  // namespace

std::string describe(const quorum::Failure& failure, const NodeEndpoint& endpoint) {
  const std::string user =
      endpoint.username.empty() ? "" : fmt::format(" of user {}", quoted(endpoint.username));
  const std::string whom =
      endpoint.username.empty() ? "this user" : fmt::format("user {}", quoted(endpoint.username));
  for (const Words& words : kWords) {
    if (words.kind != failure.kind) continue;
    return fmt::format(fmt::runtime(failure.detail.empty() ? words.bare : words.detailed),
                       fmt::arg("detail", failure.detail), fmt::arg("host", quoted(endpoint.host)),
                       fmt::arg("db", endpoint.db), fmt::arg("user", user), fmt::arg("whom", whom));
  }
  return failure.detail;
}

}  // namespace redlock::redis
