#pragma once

#include "net/connection_failure.hpp"
#include "quorum/types.hpp"
#include "redis/endpoint.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace redlock::redis {

// The kinds of failures. Each has one row in node_error.cpp: how its error replies begin, what it says about the request
// and the connection, and its message.
enum class NodeError : std::uint8_t {
  NotCounted,         // an answer that quorum/ does not count; the first
  Garbled,            // what came back is not the protocol, or not what the request asks for
  Unresolved,         // the host name leads nowhere
  Refused,            // connection refused
  Unreachable,        // network or host unreachable, no such socket, permission
  TimedOut,           // no outcome before the deadline; `detail` says in which phase
  Disconnected,       // the connection ended before the answer
  TlsFailed,          // handshake or certificate
  Cancelled,          // never sent: nobody needs it any more
  AuthRequired,       // NOAUTH
  AuthFailed,         // WRONGPASS, or AUTH refused
  KeysNotPermitted,   // NOPERM: the ACL user may not use the keys
  NotPermitted,       // NOPERM: the ACL user may not
  UnknownCommand,     // renamed, or of a later version
  WrongType,          // WRONGTYPE: other data
  BadCounter,         // as the scripts say it
  ReadOnly,           // READONLY: a replica
  Loading,            // LOADING the dataset
  OutOfMemory,        // OOM
  PersistenceBroken,  // MISCONF
  Busy,               // BUSY running a script
  ClusterMode,        // MOVED, CLUSTERDOWN, CROSSSLOT
  TooManyClients,     // max number of clients reached
  ProtectedMode,      // DENIED
  NoReplicas,         // NOREPLICAS
  NoSuchDatabase,     // SELECT refused
  OtherError          // any other error reply; the last
};

// A failure of this kind. `detail`: what a person needs beyond it, escaped and without secrets; may be empty.
quorum::Failure node_failure(NodeError kind, std::string detail = {});

// The same, of what net/ says.
quorum::Failure node_failure(net::ConnectionFailure failure);

// What an error reply means; its text becomes the detail. `error` is the reply without '-'.
quorum::Failure classify(std::string_view error);

// Whether an error reply says that this user, or anyone, may not use the command at all.
bool refuses_command(std::string_view error);

// Whether an error reply says that more was written behind AUTH than may be before it is answered. KeyDB reads all that is
// there before it executes any of it, and then executes none.
bool wants_auth_first(std::string_view error);

// Whether the node has said it itself: it is alive.
bool is_answer(const quorum::Failure& failure);

// Whether it is the answer to one command, of a node that serves others.
bool is_about_command(const quorum::Failure& failure);

// Why a node gave no answer, and what to do about it: one line for a person, without the node's name, in
// lower case and without a full stop at its end. "connection refused: is redis-server running there?" `keys`: of the locks
// that it was asked about, as far as they are known.
std::string describe(const quorum::Failure& failure, const NodeEndpoint& endpoint,
                     std::span<const std::string> keys = {});

}  // namespace redlock::redis
