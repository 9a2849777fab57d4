#include "redis/node_error.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace redlock::redis {
namespace {

using quorum::Failure;

// The facts about the request, the connection and the server.
struct Scope {
  bool may_have_arrived;  // the request
  bool connection_gone;
  bool passes = false;      // the server says: not now
  bool is_answer = false;   // the server has said it
  bool of_command = false;  // and only of this command
};
constexpr Scope kNoConnection{.may_have_arrived = false, .connection_gone = true};
constexpr Scope kBroken{.may_have_arrived = true, .connection_gone = true};
constexpr Scope kSilent{.may_have_arrived = true, .connection_gone = false};
constexpr Scope kUnsent{.may_have_arrived = false, .connection_gone = false};
constexpr Scope kNotNow{
    .may_have_arrived = true, .connection_gone = false, .passes = true, .is_answer = true};
constexpr Scope kServer{.may_have_arrived = true, .connection_gone = false, .is_answer = true};
constexpr Scope kCommand{
    .may_have_arrived = true, .connection_gone = false, .is_answer = true, .of_command = true};

using Prefixes = std::array<std::string_view, 6>;

struct Row {
  NodeError kind;
  Scope scope;
  Prefixes replies;       // how the error replies of Redis 6 to 8 and its relatives begin
  std::string_view bare;  // the message when there is no detail
  // {detail}; {host} and {db} are the endpoint's, {user} and {whom} name its user, {doubt} is about its password and {off}
  // about the user; {rights} are those to the keys, which are {wanted}, with {counters}; empty: the same.
  std::string_view detailed;
};

using enum NodeError;
// clang-format off
constexpr std::array kRows{
    Row{NotCounted, kServer, {}, "its answer does not count", "its answer does not count: {detail}"},
    Row{Garbled, kServer, {}, "what it answers is not the Redis protocol: check host and port",
        "not a usable answer: {detail}"},
    Row{Unresolved, kNoConnection, {}, "its name cannot be resolved: check the host in the URL",
        "the name {host} cannot be resolved: {detail}"},
    Row{Refused, kNoConnection, {}, "connection refused: is redis-server running there?", {}},
    Row{Unreachable, kNoConnection, {}, "cannot be reached", "cannot be reached: {detail}"},
    Row{TimedOut, kSilent, {}, "timed out", "timed out ({detail})"},
    Row{Disconnected, kBroken, {}, "the connection ended before the answer",
        "the connection ended before the answer: {detail}"},
    Row{TlsFailed, kNoConnection, {}, "TLS failed", "TLS failed: {detail}"},
    Row{Cancelled, kUnsent, {}, "was not asked", "was not asked: {detail}"},
    Row{AuthRequired, kServer, {"NOAUTH ", "ERR Protocol error: unauthenticated "},
        "asks for a password (NOAUTH): set it in the URL, password_file or password_env", {}},
    Row{AuthFailed, kServer,
        {"WRONGPASS ", "ERR invalid password", "ERR Client sent AUTH, but no password is set", "ERR AUTH "},
        "does not accept the password{user}{doubt}",
        "does not accept the password{user}{doubt}: {detail}{off}"},
    // The others are of a command in a script: from Redis 6, 7.0, and from 7.2 on. So below.
    Row{KeysNotPermitted, kCommand,
        {"NOPERM this user has no permissions to access one of the keys", "NOPERM No permissions to access a key",
         "NOPERM The user executing the script can't access at least one of the keys",
         "The user executing the script can't access at least one of the keys",
         "ERR The user executing the script can't access at least one of the keys",
         "ERR ACL failure in script: No permissions to access a key"},
        "its ACL forbids {whom} a key that a lock needs (NOPERM): permit {rights}", {}},
    Row{NotPermitted, kCommand,
        {"NOPERM ", "The user executing the script can't ", "ERR The user executing the script can't ",
         "ERR ACL failure in script: "},
        "its ACL forbids {whom} what a lock needs: see redlock(1), NOTES",
        "its ACL forbids {whom} what a lock needs ({detail}): see redlock(1), NOTES"},
    // The others are of a command in a script: from Redis 6, from 7 on, from Valkey 8 on, and Redict.
    Row{UnknownCommand, kCommand,
        {"ERR unknown command", "Unknown Redis command", "ERR Unknown Redis command", "ERR Unknown command called",
         "ERR Unknown Redict command"},
        "does not know a command that a lock needs: it is renamed (rename-command), withheld by a proxy, or of a later version",
        "does not know {detail}, which a lock needs: it is renamed (rename-command), withheld by a proxy, or of a later version"},
    Row{WrongType, kCommand, {"WRONGTYPE "},
        "has other data than a lock (WRONGTYPE) under a key of it, see TYPE of {wanted}: use another name, or a key_prefix", {}},
    Row{BadCounter, kCommand, {"ERR the fence counter is not"},
        "has in {counters} what is no fence counter, an integer below 2^53: set it to one above all fences so far", {}},
    Row{ReadOnly, kCommand, {"READONLY ", "MASTERDOWN "},
        "is a replica, and read-only: name its master instead", {}},
    Row{Loading, kNotNow, {"LOADING "},
        "is still loading its data after a start: it can vote when that is done", {}},
    Row{OutOfMemory, kCommand, {"OOM "}, "has no memory left (OOM): see its maxmemory", {}},
    Row{PersistenceBroken, kCommand, {"MISCONF "},
        "cannot save to its disk (MISCONF) and so refuses writes: see its log", {}},
    Row{Busy, kNotNow, {"BUSY "}, "is busy with somebody's script (BUSY): see SCRIPT KILL", {}},
    Row{ClusterMode, kCommand,
        {"MOVED ", "ASK ", "TRYAGAIN ", "CLUSTERDOWN ", "CROSSSLOT ", "ERR SELECT is not allowed in cluster mode"},
        "is part of a Redis Cluster, whose keys move: a lock needs independent servers",
        "is part of a Redis Cluster, whose keys move: a lock needs independent servers ({detail})"},
    Row{TooManyClients, kNotNow, {"ERR max number of clients"},
        "has as many clients as it takes: see its maxclients", {}},
    Row{ProtectedMode, kServer, {"DENIED "},
        "is in protected mode and serves its own machine only: give it a password, or set its bind", {}},
    Row{NoReplicas, kCommand, {"NOREPLICAS "},
        "has too few replicas to take writes (NOREPLICAS): see its min-replicas-to-write", {}},
    Row{NoSuchDatabase, kServer, {"ERR invalid DB index", "ERR DB index is out of range"},
        "has no database {db}: see its setting databases", {}},
    Row{OtherError, kCommand, {}, "answers with an error", "answers with an error: {detail}"},
};
// clang-format on

constexpr bool is_complete() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].kind) != i || kRows[i].bare.empty()) return false;
  }
  return kRows.back().kind == OtherError;
}
static_assert(is_complete(), "one row for each kind, in the order of the kinds");

const Row& row_of(NodeError kind) {
  return kRows[static_cast<std::size_t>(kind)];
}

const Row* find_row(std::string_view error) {
  const auto begins = [&](std::string_view prefix) { return !prefix.empty() && error.starts_with(prefix); };
  const auto* const row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& each) {
    return std::any_of(each.replies.begin(), each.replies.end(), begins);
  });
  return row == kRows.end() ? nullptr : row;
}

// Redis 6 wraps what a command inside a script says, to the script too:
// "ERR Error running script (call to f_6b1b...): @user_script:3: @user_script: 3: -READONLY You can't write ...".
std::string_view unwrap(std::string_view error) {
  if (!error.starts_with("ERR Error running script") && !error.starts_with("@user_script:")) return error;
  for (std::size_t at = error.find(": "); at != std::string_view::npos; at = error.find(": ", at + 1)) {
    std::string_view inner = error.substr(at + 2);
    if (inner.starts_with('-')) inner.remove_prefix(1);
    if (find_row(inner) != nullptr) return inner;
  }
  return error;
}

// "ERR unknown command 'EVAL', with args ...", with other quotes in Redis 5 and 6: empty where no command is named.
std::string_view unknown_command(std::string_view error) {
  constexpr std::string_view before = "ERR unknown command ";
  if (!error.starts_with(before) || error.size() < before.size() + 2) return {};
  const std::string_view rest = error.substr(before.size() + 1);
  return rest.substr(0, rest.find_first_of("'`"));
}

// "User a has no permissions to run the 'hset' command": empty where no command is named.
std::string_view forbidden_command(std::string_view error) {
  constexpr std::string_view before = "no permissions to run the '";
  const std::size_t at = error.find(before);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = error.substr(at + before.size());
  return rest.substr(0, rest.find('\''));
}

// As ACL SETUSER takes them: "~a ~redlock.*:a".
std::string rights_to(std::span<const std::string> keys) {
  std::string rights;
  for (const char* beside : {"", "redlock.*:"}) {
    for (const std::string& key : keys) rights += fmt::format(" ~{}{}", beside, printable(key, 255));
  }
  return keys.empty() ? "~KEY ~redlock.*:KEY for each lock" : rights.substr(1);
}

std::string listed(std::span<const std::string> keys, std::string_view before) {
  if (keys.empty()) return fmt::format("{}KEY", before);
  std::string text;
  for (const std::string& key : keys)
    text += fmt::format("{}{}{}", text.empty() ? "" : ", ", before, printable(key, 255));
  return text;
}

}  // namespace

Failure node_failure(NodeError kind, std::string detail) {
  const Scope& scope = row_of(kind).scope;
  return {.may_have_arrived = scope.may_have_arrived,
          .connection_gone = scope.connection_gone,
          .passes = scope.passes,
          .kind = kind,
          .detail = std::move(detail)};
}

Failure node_failure(net::ConnectionFailure failed) {
  using From = net::ConnectionFailure::Kind;
  const auto kind = [&] {
    switch (failed.kind) {
      case From::Unresolved: return Unresolved;
      case From::Refused: return Refused;
      case From::Unreachable: return Unreachable;
      case From::TlsFailed: return TlsFailed;
      case From::Disconnected: return Disconnected;
    }
    return Disconnected;
  };
  return node_failure(kind(), std::move(failed.detail));
}

Failure classify(std::string_view error) {
  const std::string_view inner = unwrap(error);
  const Row* row = find_row(inner);
  const NodeError kind = row != nullptr ? row->kind : OtherError;
  if (kind == NotPermitted) {
    if (const auto command = forbidden_command(inner); !command.empty())
      return node_failure(kind, "NOPERM for " + printable(command, 64));
  }
  if (kind == UnknownCommand) return node_failure(kind, printable(unknown_command(inner), 64));
  return node_failure(kind, printable(inner, 256));
}

bool refuses_command(std::string_view error) {
  return error.starts_with("NOPERM ") || error.starts_with("ERR unknown command");
}

bool wants_auth_first(std::string_view error) {
  return error.starts_with("ERR Protocol error: unauthenticated ");
}

bool is_answer(const Failure& failure) {
  return row_of(failure.kind).scope.is_answer;
}

bool is_about_command(const Failure& failure) {
  return row_of(failure.kind).scope.of_command;
}

std::string describe(const Failure& failure, const NodeEndpoint& endpoint,
                     std::span<const std::string> keys) {
  const Row& row = row_of(failure.kind);
  const std::string user =
      endpoint.username.empty() ? "" : fmt::format(" of user {}", quoted(endpoint.username));
  const std::string whom =
      endpoint.username.empty() ? "this user" : fmt::format("user {}", quoted(endpoint.username));
  const std::string doubt = endpoint.password_doubt.empty() ? "" : ", whose " + endpoint.password_doubt;
  const bool may_be_off = failure.kind == AuthFailed && failure.detail == "WRONGPASS" && !user.empty();
  return fmt::format(
      fmt::runtime(failure.detail.empty() || row.detailed.empty() ? row.bare : row.detailed),
      fmt::arg("detail", failure.detail), fmt::arg("host", quoted(endpoint.host)),
      fmt::arg("db", endpoint.db), fmt::arg("user", user), fmt::arg("whom", whom), fmt::arg("doubt", doubt),
      fmt::arg("off", may_be_off ? ", as of a user that is off" : ""), fmt::arg("rights", rights_to(keys)),
      fmt::arg("wanted", listed(keys, "")), fmt::arg("counters", listed(keys, "redlock.fence:")));
}

}  // namespace redlock::redis
