#pragma once

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "quorum/types.hpp"
#include "redis/event.hpp"
#include "redis/query.hpp"
#include "redis/scripts.hpp"
#include "redis/session_setup.hpp"

#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace redlock::redis {

// Something to be written, and then to be answered.
struct Pending {
  struct Reading {};  // a Query

  std::variant<SetupStep, RequestKind, Reading> what;
  quorum::RequestId id;
  Secret bytes;
  TimePoint asked;
  TimePoint deadline;
  bool settled = false;  // its outcome has been reported, or none is owed
  Duration ttl{};        // of the key that it may set
  std::string token{};   // of a request of the algorithm
  std::size_t written = 0;

  bool is(RequestKind kind) const noexcept {
    const auto* own = std::get_if<RequestKind>(&what);
    return own != nullptr && *own == kind;
  }
  bool is(SetupStep step) const noexcept {
    const auto* own = std::get_if<SetupStep>(&what);
    return own != nullptr && *own == step;
  }
  bool is_setup() const noexcept { return std::holds_alternative<SetupStep>(what); }
  bool is_release() const noexcept { return is(RequestKind::Release) || is(RequestKind::Rest); }
  // Whether it may set the key.
  bool sets_key() const noexcept {
    return is(RequestKind::Acquire) || is(RequestKind::AcquireSlot) || is(RequestKind::Extend);
  }
  bool unsent() const noexcept { return written < bytes.reveal().size(); }
};

Pending pending_for(const quorum::Send& send, Secret bytes, TimePoint now);
Pending pending_for(const Query& query, TimePoint now);

// The requests to a node, in order: the oldest is answered first. One that timed out keeps its position once a byte of it
// was written, so that its late answer is recognized. Each is settled once, by one Event.
class RequestQueue {
 public:
  // All must outlive the queue. `node_timeout`: how long a request waits for a connection at the most.
  RequestQueue(quorum::NodeIndex node, const Secret& password, Duration node_timeout,
               std::vector<Event>& events);

  bool empty() const noexcept { return pending_.empty(); }
  const Pending& front() const noexcept { return pending_.front(); }
  // Whether somebody waits for an answer.
  bool awaited() const noexcept;
  // The oldest that somebody waits for; null: none.
  const Pending* oldest_awaited() const noexcept;
  bool any(const std::function<bool(const Pending&)>& condition) const;

  void add(Pending pending) { pending_.push_back(std::move(pending)); }
  // Before all others, of which there must be one.
  void add_setup(std::vector<SetupCommand> commands);
  // Whether the next answer says that nothing may be written behind an AUTH before that has been answered (node_error.hpp,
  // wants_auth_first): from then on nothing is.
  bool wants_auth_alone(const Value& answer) noexcept;
  bool sends_auth_alone() const noexcept { return auth_alone_; }
  Pending take_front();
  void clear() noexcept { pending_.clear(); }
  // Nothing of what was written counts: all that somebody waits for is to be written again, on a new connection.
  void begin_anew();
  // Takes out the releases, as if they had never been written.
  std::vector<Pending> take_releases(TimePoint now, TimePoint deadline);

  // Reports an outcome, unless there has been one.
  void settle(Pending& pending, const quorum::Failure& failure);
  void settle(Pending& pending, std::variant<quorum::Reply, Value> answer);
  void settle_all(const quorum::Failure& failure);
  // Forgets those of which no byte has been written.
  void drop_unsent();
  // Those of which no byte has been written, but no releases: they end as Cancelled.
  void cancel_unsent();

  // ---- Bytes

  bool has_unsent() const noexcept;
  // The bytes to be written next.
  std::size_t unsent_parts(std::span<iovec> parts) const noexcept;
  // So many bytes of it were written. `reached` is called with each request that may set the key of which some were.
  void mark_written(std::size_t bytes, const std::function<void(const Pending&)>& reached);

  // ---- Time. `connected`: it is until the deadline that they wait, and not for a connection.

  TimePoint next_deadline(bool connected) const noexcept;
  Duration longest_wait(TimePoint now, bool connected) const noexcept;
  // Whether the node has owed an answer for so long that its connection should be given up when there is something new to
  // say.
  bool is_stale(TimePoint now) const noexcept;
  // Ends those whose time is over; unless `all`, only those of which no byte was written. `why` says what one waited for.
  // Returns whether there were any.
  bool expire(TimePoint now, bool connected, bool all,
              const std::function<std::string_view(const Pending&)>& why);

 private:
  TimePoint limit(const Pending& pending, bool connected) const noexcept;
  std::size_t sendable() const noexcept;  // so many of the oldest

  quorum::NodeIndex node_;
  const Secret& password_;
  Duration node_timeout_;
  std::vector<Event>& events_;
  std::deque<Pending> pending_;
  bool auth_alone_ = false;
};

}  // namespace redlock::redis
