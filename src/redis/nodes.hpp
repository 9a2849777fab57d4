#pragma once

#include "base/clock.hpp"
#include "quorum/types.hpp"
#include "redis/endpoint.hpp"
#include "redis/wire.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace redlock::redis {

// The lock as the nodes know it: what the keys are made of, and what is written down about the holder.
struct LockSubject {
  std::string key;  // PREFIX+NAME
  quorum::HolderInfo holder;
};

// A question beside the algorithm, which must change nothing on the node: a command that only reads, or a script of
// such.
struct Query {
  quorum::NodeIndex node;
  quorum::RequestId id;
  std::vector<std::string> words;
  TimePoint deadline;
};

// Something that happened on a connection.
struct Event {
  quorum::NodeIndex node;
  quorum::RequestId id;  // 0 for an Identity, which answers no request of the algorithm
  std::variant<quorum::Identity, quorum::Reply, Value, quorum::Failure> what;  // Value: to a Query
};

// All nodes of one lock: one connection (link) each, turned by one poll(2) loop. Not thread safe; may be
// moved to another thread between calls. Connections are opened by the first request to a node and again by
// the next request after a link broke; one link answers in order.
class Nodes {
 public:
  // Opens nothing yet. Resolving, connecting and the TLS handshake last as long as a request waits for them.
  Nodes(std::vector<Endpoint> endpoints, LockSubject subject);
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;
  ~Nodes();

  std::size_t size() const noexcept;
  const Endpoint& endpoint(quorum::NodeIndex node) const;

  // Queues a request; never blocks, and writes at once what the socket takes. On a fresh connection AUTH,
  // SELECT, INFO server and ROLE go ahead of it in the same write. Exactly one Event with this id follows, by
  // the request's deadline at the latest; after a TimedOut the connection stays, and the late reply is
  // dropped when it comes.
  void send(const quorum::Send& request);

  // The same for a question; its answer comes as it is, unless it is an error.
  void ask(const Query& query);

  // Forgets requests to `node` of which no byte has been written yet: each yields Failure::Cancelled.
  void cancel_unsent(quorum::NodeIndex node);

  // Whether a request that may set the key was written to the node, on this connection or a former one, and
  // no release has been answered since: if not, there is nothing to release there.
  bool may_hold_key(quorum::NodeIndex node) const;

  // Waits until an event is there, a descriptor of `wake_fds` is readable, or `until`; appends to `events`
  // what happened.
  void wait(TimePoint until, std::span<const int> wake_fds, std::vector<Event>& events);

  // Whether every byte of every request to the node has been handed to the kernel.
  bool written(quorum::NodeIndex node) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace redlock::redis
