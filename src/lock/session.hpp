#pragma once

#include "lock/observer.hpp"
#include "net/surroundings.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/extend_op.hpp"
#include "quorum/ids.hpp"
#include "quorum/lease.hpp"
#include "quorum/membership.hpp"
#include "quorum/operation.hpp"
#include "quorum/pending_releases.hpp"
#include "quorum/release_op.hpp"
#include "quorum/vigil.hpp"
#include "redis/nodes.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace redlock::lock {

struct SessionOptions {
  net::Surroundings surroundings;
  std::vector<redis::NodeEndpoint> nodes;
  redis::LockSubject subject;
  Duration node_timeout;         // per node and round trip
  Duration restart_quarantine;   // see quorum::Membership
  Observer* observer = nullptr;  // must outlive the session
};

// One lock on one set of connections: turns the algorithm of quorum/ with the sockets of redis/. Not thread
// safe: the main thread uses it to acquire, the keeper thread while it runs, the main thread again to
// release.
class Session {
 public:
  explicit Session(SessionOptions options);

  // One attempt. A descriptor of `wake_fds` that becomes readable withdraws it. Blocks for a few round trips at
  // the most.
  quorum::AcquireVerdict attempt(const quorum::AcquireRules& rules, std::span<const int> wake_fds);

  // What each node said in the last attempt, in words, one entry a node: "redis://10.0.0.1:6379/0: connection
  // refused". With `only_troubled`, only those that kept their vote from counting.
  std::vector<std::string> reports(bool only_troubled) const;

  // Lets an attempt that was not won end cleanly: leaves the line, and waits until what it may have left on the nodes is
  // released there, for silent nodes until the release is in the kernel's hands. Where it was won, votes that come late
  // are awaited for as long again as it took. At most node_timeout.
  void settle();

  // Gives the lock back on all nodes; waits for a quorum of answers, and as settle() for the rest.
  quorum::ReleaseResult release(const quorum::Token& token);
  // The first half of it, which does not wait. Once a session.
  void begin_release(const quorum::Token& token);

  // For a lock that another process acquired: with a note for whoever may be extending it (quorum::ReleaseRequest), and on all
  // nodes, whether or not this session has put anything there. `ttl`: as long as the lock is expected to be held for.
  struct GivenBack {
    quorum::ReleaseResult result;
    quorum::HolderInfo other;  // with Result::Others
  };
  GivenBack release_by_hand(const quorum::Token& token, std::chrono::milliseconds ttl);

  // Extends such a lock once.
  quorum::ExtendVerdict extend_by_hand(const quorum::Token& token, std::chrono::milliseconds ttl);

  // What kept nodes from answering the last of these two, or from having a vote in it, in words, as reports(true).
  std::vector<std::string> troubles() const;

  // Extends the lease until it is lost (then it returns the loss) or a descriptor of `wake_fds` is readable
  // (then it returns nothing). `on_extended` is called after each success with the new end of validity, before the
  // observer is.
  std::optional<quorum::Loss> keep(const quorum::LeaseRules& rules, const quorum::Won& won,
                                   std::span<const int> wake_fds,
                                   const std::function<void(TimePoint)>& on_extended);

  // After an attempt: sleeps until `until` or a descriptor of `wake_fds` is readable; connections are looked
  // after meanwhile. Returns whether a descriptor was readable.
  bool sleep(TimePoint until, std::span<const int> wake_fds);

  // After an attempt that found the lock held: listens to the nodes, on further connections, until it is time for the
  // next attempt, or as sleep(). `on_news` hears when our place in the line, or when the lock expires, is not what
  // `held` says.
  struct Wait {
    TimePoint until;
    Duration retry_delay;  // see quorum::VigilRules
    bool curious;          // likewise
    std::function<void(const quorum::Held&)> on_news;
  };
  struct Woken {
    bool by_descriptor = false;
    bool in_turn = false;  // quorum::AcquireRules
  };
  Woken await_turn(const quorum::Held& held, const Wait& wait, std::span<const int> wake_fds);

  std::size_t size() const { return nodes_.size(); }
  Entropy& entropy() { return surroundings_.entropy; }
  Clock& clock() { return surroundings_.clock; }

 private:
  bool any_readable(std::span<const int> fds) const;
  void dispatch(const std::vector<quorum::Send>& sends);
  void hand_over_release(const quorum::Send& send);
  void take_late_vote(const redis::Event& event);
  void take_identity(const redis::Event& event);
  void note_failure(quorum::NodeIndex node, const quorum::Failure& failure);
  void note_answer(quorum::NodeIndex node);
  TimePoint next_overdue() const;
  void note_overdue();
  void fail(quorum::Operation& operation, quorum::NodeIndex node, quorum::RequestId id,
            const quorum::Failure& failure);
  void repeat_releases(quorum::Operation& operation);
  void turn(quorum::Operation& operation, TimePoint until, std::span<const int> wake_fds);
  void rest(TimePoint until, std::span<const int> wake_fds);
  bool take_hearsay(const redis::Event& event);
  void listen();
  void look(const quorum::Vigil::Look& wanted);
  void take_look(const redis::Event& event);
  void leave_line();
  bool is_written(quorum::NodeIndex node) const;
  bool releases_are_safe() const;
  bool stragglers_are_safe() const;
  void begin_giving_back(quorum::ReleaseOp& releasing);
  void finish_giving_back(quorum::ReleaseOp& releasing);
  void begin_by_hand();
  void warn_of_same_server();

  net::Surroundings surroundings_;
  Observer* observer_;
  Duration node_timeout_;
  redis::Nodes nodes_;
  quorum::Membership membership_;
  quorum::RequestIds ids_;
  std::string key_;
  std::optional<quorum::AcquireOp> attempt_;  // the last one
  std::optional<quorum::ReleaseOp> giving_back_;
  TimePoint give_back_until_{};
  TimePoint attempt_began_{};
  Duration attempt_took_{};
  Duration round_trip_ = Duration::max();  // the shortest time that an attempt took to find the lock held

  // Waiting.
  std::optional<quorum::Vigil> vigil_;  // once the lock was held by somebody else
  std::vector<unsigned> heard_;         // changes since the attempt under way began
  struct Looking {
    quorum::RequestId id = 0;  // 0: none
    quorum::Look what{};
  };
  std::vector<Looking> looks_;              // under way
  std::string calls_;                       // the channel on which we are called while we wait
  std::optional<quorum::Waiter> waiter_;    // we, perhaps in the lines of
  std::vector<bool> in_line_;               // these nodes
  std::vector<quorum::RequestId> leaving_;  // under way; 0: none

  quorum::PendingReleases owed_;  // of this attempt and of earlier ones
  std::vector<bool> responsive_;  // has answered something since the last attempt began
  std::vector<bool> down_;        // its last outcome was a failure
  std::vector<std::optional<TimePoint>> extending_since_;  // the oldest extension that it owes an answer to
  std::vector<bool> warned_;                               // that it does not say who it is
  bool warned_of_same_server_ = false;
  bool by_hand_ = false;  // any node may have the key, though no request of this session has put it there
  TimePoint asked_by_hand_{};
  std::vector<std::optional<quorum::Failure>> failures_;  // since then
  std::vector<redis::Event> events_;
};

}  // namespace redlock::lock
