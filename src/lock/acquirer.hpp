#pragma once

#include "lock/driver.hpp"
#include "lock/report.hpp"
#include "lock/retry_pause.hpp"
#include "lock/waiting.hpp"
#include "quorum/acquire_op.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace redlock::lock {

// Whether a refusal is by a holder of some kind.
using IsHolder = std::function<bool(const quorum::Refused&)>;

// How long to try for a lock.
struct WaitPolicy {
  bool nonblock = false;               // one attempt
  TimePoint until = TimePoint::max();  // give up then
  std::optional<Duration>
      quorum_wait{};     // and when no quorum has answered for so long; none: default_quorum_wait()
  Duration retry_delay;  // between attempts, before jitter
  std::optional<std::uint64_t> retry_count{};  // attempts after the first, retry_delay apart; none: no limit
  IsHolder in_vain{};                          // one for whom it is no use to wait: no attempt follows
};

// How long a quorum may be away unless the user says otherwise: nodes that restart come back, at the latest when their
// quarantine is over.
Duration default_quorum_wait(Duration quarantine);

// Takes a lock: attempts, and what lies between two of them.
class Acquirer {
 public:
  // `driver` must outlive the acquirer, which hears its events (Driver::set_listener).
  explicit Acquirer(Driver& driver);
  Acquirer(const Acquirer&) = delete;
  Acquirer& operator=(const Acquirer&) = delete;
  ~Acquirer() { driver_.set_listener({}); }

  // Attempts until the lock is won, the policy says to stop, or a descriptor of `wake_fds` is readable (then: Cancelled; a
  // further call with the same `rules.waiter` keeps the position in the queue). Returns the last verdict. `on_waiting`
  // hears every verdict after which it goes on waiting. When the lock is not won, what the attempts left on the nodes has
  // been released: settle().
  using OnWaiting = std::function<void(const quorum::AcquireVerdict&)>;
  quorum::AcquireVerdict acquire(const quorum::AcquireRules& rules, const WaitPolicy& policy,
                                 std::span<const int> wake_fds, const OnWaiting& on_waiting);

  // Lets the last attempt end cleanly: leaves the queue, and waits until what the attempts may have left on the nodes is
  // released there, for silent nodes until the release is in the kernel's hands. After a win it waits for late votes, for as
  // long again as the attempt took. At most node_timeout.
  void settle();

  // Why nodes had no vote that counted in the last attempt, one entry a node: see report_votes().
  std::vector<std::string> troubles() const;

  // The others that had votes in it: see report_holders().
  std::vector<ShownHolder> holders() const;

  // The first refusal of the last attempt, of any node and name, that is by such a holder; null: none. Of a lock with so many
  // slots: of a node on which such holders have all of them.
  const quorum::Refused* find_refusal(const IsHolder& by, std::size_t slots = 0) const;

  std::size_t size() const { return driver_.size(); }  // nodes

 private:
  quorum::AcquireVerdict attempt(const quorum::AcquireRules& rules, std::span<const int> wake_fds);
  Waiting::Woken pause(const quorum::AcquireRules& rules, const quorum::AcquireVerdict& verdict,
                       const WaitPolicy& policy, TimePoint give_up_at, std::span<const int> wake_fds,
                       const OnWaiting& on_waiting);
  Duration pause_of_split(const quorum::AcquireVerdict& verdict, const WaitPolicy& policy) const;
  TimePoint give_up_at(const quorum::AcquireVerdict& verdict, const WaitPolicy& policy);
  bool take(const redis::Event& event);
  void take_late_vote(const redis::Event& event);
  bool releases_are_safe() const;

  Driver& driver_;
  Waiting waiting_;
  RetryPause retry_pause_;
  bool has_waited_ = false;                   // for a lock that was held: `waiting_` listens
  std::optional<quorum::AcquireOp> attempt_;  // the last one
  TimePoint attempt_began_{};
  Duration attempt_took_{};
  TimePoint quorum_lost_ = TimePoint::max();  // since then each attempt was without a quorum; max: it answers
  Duration round_trip_ = Duration::max();     // the shortest time that an attempt took to find the lock held
  std::vector<bool> responsive_;              // the node has answered something since the last attempt began
};

}  // namespace redlock::lock
