#pragma once

#include "lock/node_monitor.hpp"
#include "lock/observer.hpp"
#include "lock/pending_releases.hpp"
#include "lock/queue_entries.hpp"
#include "net/surroundings.hpp"
#include "quorum/ids.hpp"
#include "quorum/membership.hpp"
#include "quorum/operation.hpp"
#include "redis/keys.hpp"
#include "redis/nodes.hpp"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace redlock::lock {

struct DriverOptions {
  net::Surroundings surroundings;
  std::vector<redis::NodeEndpoint> nodes;
  redis::LockSubject subject;
  Duration node_timeout;         // per node and round trip
  Duration restart_quarantine;   // see quorum::Membership
  Observer* observer = nullptr;  // must outlive the driver
};

// Runs the operations of quorum/ on one set of connections: sends the requests that they want, and tells them the
// outcomes.
//
// Threads: one at a time, with no locking. The main thread has the driver until Keeper::start(), the keeper's thread until
// Keeper::stop() has returned, and then the main thread again.
class Driver {
 public:
  explicit Driver(DriverOptions options);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Sends what the operation wants first.
  void start(quorum::Operation& operation);
  // Runs a started operation until it is done, `until` has come, or a descriptor of `wake_fds` is readable; returns that
  // descriptor.
  std::optional<int> run(quorum::Operation& operation, TimePoint until = TimePoint::max(),
                         std::span<const int> wake_fds = {});
  // The same, but returns as soon as anything has happened.
  std::optional<int> turn(quorum::Operation& operation, TimePoint until, std::span<const int> wake_fds = {});
  // The same without an operation: connections are looked after, and owed releases repeated.
  std::optional<int> turn(TimePoint until, std::span<const int> wake_fds = {});

  // Requests of an operation that is done. A release goes only to nodes that may hold the key, unless it is by hand.
  void send(const std::vector<quorum::Send>& sends);
  // Leaves the queues of all nodes, behind the requests that entered them and on the same connections.
  void leave_queue();
  // Whether the node has yet to answer a release, or a request of leave_queue().
  bool owes(quorum::NodeIndex node) const;
  bool owes_release(quorum::NodeIndex node) const { return releases_.owes(node); }
  // Whether all that the node is to be told is in its socket, with no sign that nobody reads it there.
  bool is_written(quorum::NodeIndex node) const;

  // Hears of every event, identities aside, before the operation does. Returns whether the event is no outcome of an
  // operation's request, such as the answer to a query of the listener's own,
  // which it may move from.
  using Listener = std::function<bool(redis::Event&)>;
  void set_listener(Listener listener) { listener_ = std::move(listener); }

  Now now() const { return surroundings_.clock.now(); }
  Entropy& entropy() { return surroundings_.entropy; }
  quorum::RequestIds& ids() { return ids_; }
  quorum::Membership& membership() { return membership_; }
  const quorum::Membership& membership() const { return membership_; }
  const std::vector<redis::LockKeys>& keys() const { return keys_; }  // of all names, or slots
  bool has_slots() const { return keys_.front().slot; }
  redis::Nodes& nodes() { return nodes_; }
  const redis::Nodes& nodes() const { return nodes_; }
  NodeMonitor& monitor() { return monitor_; }
  const NodeMonitor& monitor() const { return monitor_; }
  std::size_t size() const { return nodes_.size(); }
  Duration node_timeout() const { return node_timeout_; }

 private:
  std::optional<int> step(quorum::Operation* operation, TimePoint until, std::span<const int> wake_fds);
  void take(quorum::Operation* operation, redis::Event& event);
  void carry_out(quorum::Operation* operation, const std::vector<quorum::Send>& sends);
  void fail(quorum::Operation* operation, quorum::NodeIndex node, quorum::RequestId id,
            const quorum::Failure& failure);

  net::Surroundings surroundings_;
  Duration node_timeout_;
  std::vector<redis::LockKeys> keys_;
  redis::Nodes nodes_;
  quorum::Membership membership_;
  quorum::RequestIds ids_;
  PendingReleases releases_;  // of this operation and of earlier ones
  QueueEntries queue_;
  NodeMonitor monitor_;
  Listener listener_;
  std::vector<redis::Event> events_;
};

}  // namespace redlock::lock
