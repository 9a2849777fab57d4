#pragma once

#include "base/random.hpp"
#include "lock/observer.hpp"
#include "quorum/acquisition.hpp"
#include "quorum/electorate.hpp"
#include "quorum/ids.hpp"
#include "quorum/lease.hpp"
#include "quorum/releasing.hpp"
#include "redis/nodes.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace redlock::lock {

struct SessionOptions {
  std::vector<redis::Endpoint> nodes;
  redis::LockSubject subject;
  Duration node_timeout;         // per node and flight
  Duration restart_quarantine;   // see quorum::Electorate
  Observer* observer = nullptr;  // must outlive the session
};

// One lock on one set of connections: turns the algorithm of quorum/ with the sockets of redis/. Not thread
// safe: the main thread uses it to acquire, the keeper thread while it runs, the main thread again to
// release.
class Session {
 public:
  explicit Session(SessionOptions options);

  // One attempt. A descriptor of `wake_fds` that becomes readable withdraws it. Blocks for a few flights at
  // the most.
  quorum::Verdict attempt(const quorum::AcquireRules& rules, std::span<const int> wake_fds);

  // What each node said in the last attempt, in words, one entry a node: "redis://10.0.0.1:6379/0: connection
  // refused". With `only_troubled`, only those that kept their vote from counting.
  std::vector<std::string> reports(bool only_troubled) const;

  // Lets an attempt that was not won end cleanly: waits until what it may have left on the nodes is released
  // there, for silent nodes until the release is in the kernel's hands. At most node_timeout.
  void settle();

  // Gives the lock back on all nodes; waits for a quorum of answers, and as settle() for the rest.
  quorum::Releasing::Result release(const quorum::Token& token);

  // Extends the lease until it is lost (then it returns the loss) or a descriptor of `wake_fds` is readable
  // (then it returns nothing). `on_extended` is called after each success with the new end of validity, before the
  // observer is.
  std::optional<quorum::Loss> keep(const quorum::LeaseRules& rules, const quorum::Won& won,
                                   std::span<const int> wake_fds,
                                   const std::function<void(TimePoint)>& on_extended);

  // After an attempt: sleeps until `until` or a descriptor of `wake_fds` is readable; connections are looked
  // after meanwhile. Returns whether a descriptor was readable.
  bool sleep(TimePoint until, std::span<const int> wake_fds);

  std::size_t size() const { return nodes_.size(); }
  Entropy& entropy() { return entropy_; }

 private:
  void dispatch(const std::vector<quorum::Send>& sends);
  void take_identity(const redis::Event& event);
  void note_failure(quorum::NodeIndex node, const quorum::Failure& failure);
  void note_answer(quorum::NodeIndex node);
  template <class Core>
  void turn(Core& core, TimePoint until, std::span<const int> wake_fds);
  bool releases_are_safe() const;
  void warn_of_same_server();

  Observer* observer_;
  Duration node_timeout_;
  redis::Nodes nodes_;
  quorum::Electorate electorate_;
  quorum::RequestIds ids_;
  SystemEntropy entropy_;
  std::optional<quorum::Acquisition> attempt_;  // the last one
  std::vector<quorum::RequestId> releasing_;  // the last release sent to each node and not answered; 0: none
  std::vector<bool> responsive_;              // has answered something since the last attempt began
  std::vector<bool> down_;                    // its last outcome was a failure
  std::vector<bool> warned_;                  // that it does not say who it is
  bool warned_of_same_server_ = false;
  std::vector<redis::Event> events_;
};

}  // namespace redlock::lock
