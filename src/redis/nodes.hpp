#pragma once

#include "base/clock.hpp"
#include "net/poller.hpp"
#include "net/surroundings.hpp"
#include "quorum/types.hpp"
#include "redis/endpoint.hpp"
#include "redis/event.hpp"
#include "redis/link.hpp"
#include "redis/lock_subject.hpp"
#include "redis/query.hpp"
#include "redis/scripts.hpp"
#include "redis/subscription.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::redis {

// All nodes of one lock: one connection (link) each, turned by one poll(2) loop. Not thread safe; may be
// moved to another thread between calls. Connections are opened by the first request to a node and again by
// the next request after a link broke; one link answers in order.
class Nodes {
 public:
  // Opens nothing yet. Resolving, connecting and the TLS handshake last as long as a request waits for them.
  // `node_timeout`: a connection that has owed an answer for several times as long is given up for a new one when there is
  // something new to say, whatever the deadline of the request.
  Nodes(std::vector<NodeEndpoint> endpoints, LockSubject subject, const net::Surroundings& surroundings,
        Duration node_timeout = std::chrono::seconds{1});
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  std::size_t size() const noexcept { return links_.size(); }
  const NodeEndpoint& endpoint(quorum::NodeIndex node) const { return links_[node].endpoint(); }

  // Queues a request; never blocks, and writes at once what the socket takes. On a fresh connection AUTH,
  // SELECT, INFO server and ROLE go ahead of it in the same write. Exactly one Event with this id follows, by
  // the request's deadline at the latest; after a TimedOut the connection stays, and the late reply is
  // dropped when it comes.
  void send(const quorum::Send& request) { links_[request.node].send(request, now()); }

  // The same for a question; its answer comes as it is, unless it is an error.
  void ask(const Query& query) { links_[query.node].ask(query, now()); }

  // Forgets requests to `node` of which no byte has been written yet, but no releases: each fails as Cancelled.
  void cancel_unsent(quorum::NodeIndex node) { links_[node].cancel_unsent(); }

  // Whether a request that may set the key was written to the node, on this connection or a former one, and
  // no release has been answered since: if not, there is nothing to release there. Nor is there where connections are
  // refused, and the key has expired since that request.
  bool may_hold_key(quorum::NodeIndex node) const { return links_[node].may_hold_key(); }

  // Subscribes to the node, on one more connection, for which `timeout` is the time to be ready; it is opened by the next
  // wait(), and comes back after failures. Once for each mode is enough. `channel`: on which the waiter is called
  // (redis/queue.hpp).
  void subscribe(quorum::NodeIndex node, SubscriptionMode mode, const std::string& channel, Duration timeout);
  // Ends all subscriptions.
  void unsubscribe();

  // Whether a request that may set the key was ever written to the node.
  bool reached(quorum::NodeIndex node) const { return links_[node].reached(); }
  // Whether a connection to the node was refused or broke after it had once answered, and none has answered since. One that
  // is there may then lead to a proxy that is about to find out that nobody is behind it.
  bool recovering(quorum::NodeIndex node) const { return links_[node].recovering(); }

  // Waits until an event is there, a descriptor of `wake_fds` is readable, or `until`; appends to `events`
  // what happened, and returns that descriptor.
  std::optional<int> wait(TimePoint until, std::span<const int> wake_fds, std::vector<Event>& events);

  // What the oldest request to the node that somebody waits for is waiting for, in words; "waiting for its answer" when
  // there is none.
  std::string_view waits_for(quorum::NodeIndex node) const { return links_[node].waits_for(); }

  // Whether every byte of every request to the node has been handed to the kernel, and nothing has happened to it that
  // wait() has not told yet.
  bool written(quorum::NodeIndex node) const;

 private:
  TimePoint now() const { return surroundings_.clock.boot_now(); }
  void advance_due(TimePoint now);
  TimePoint next_timer() const;
  void watch(std::span<const int> wake_fds);
  void advance_ready(std::span<const int> wake_fds, TimePoint now);
  bool deliver(std::vector<Event>& events);

  net::Surroundings surroundings_;
  std::vector<std::string> keys_;
  Scripts scripts_;
  std::vector<Event> events_;  // happened, not yet told
  std::deque<Link> links_;     // refer to those above; never moved
  // By node; empty: none wanted. Refer to the same, and to the links.
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
  net::Poller poller_;
  std::vector<std::size_t> ends_;  // in the poller: where each link's descriptors end
};

}  // namespace redlock::redis
