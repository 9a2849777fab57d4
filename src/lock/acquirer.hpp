#pragma once

#include "lock/driver.hpp"
#include "lock/waiting.hpp"
#include "quorum/acquire_op.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace redlock::lock {

// How long to try for a lock.
struct WaitPolicy {
  bool nonblock = false;                       // one attempt
  TimePoint until = TimePoint::max();          // give up then
  Duration retry_delay;                        // between attempts, before jitter
  std::optional<std::uint64_t> retry_count{};  // attempts after the first, retry_delay apart; none: no limit
};

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
  // released there, for silent nodes until the release is in the kernel's hands. Where the lock was won, votes that come
  // late are awaited for as long again as the attempt took. At most node_timeout.
  void settle();

  // Why nodes had no vote that counted in the last attempt, one entry a node: see report_votes().
  std::vector<std::string> troubles() const;

  std::size_t size() const { return driver_.size(); }  // nodes

 private:
  quorum::AcquireVerdict attempt(const quorum::AcquireRules& rules, std::span<const int> wake_fds);
  Waiting::Woken pause(const quorum::AcquireRules& rules, const quorum::AcquireVerdict& verdict,
                       const WaitPolicy& policy, std::span<const int> wake_fds, const OnWaiting& on_waiting);
  bool take(const redis::Event& event);
  void take_late_vote(const redis::Event& event);
  bool releases_are_safe() const;

  Driver& driver_;
  Waiting waiting_;
  std::optional<quorum::AcquireOp> attempt_;  // the last one
  Duration attempt_took_{};
  Duration round_trip_ = Duration::max();  // the shortest time that an attempt took to find the lock held
  std::vector<bool> responsive_;           // the node has answered something since the last attempt began
};

}  // namespace redlock::lock
