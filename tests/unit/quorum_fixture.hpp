#pragma once

#include "quorum/acquire_op.hpp"
#include "quorum/lease.hpp"
#include "quorum/release_op.hpp"
#include "quorum/validity.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

namespace redlock::quorum::test {

using namespace std::chrono_literals;

inline constexpr std::chrono::milliseconds kTtl{1000};
inline constexpr Duration kNodeTimeout = 100ms;
inline constexpr std::uint64_t kWallUs = 1'790'000'000'000'000;

// Numbers that only ever grow: tokens differ, and a later one is the greater.
class Counting final : public Entropy {
 public:
  std::uint64_t next() override { return ++last_; }

 private:
  std::uint64_t last_ = 0;
};

// A client with five nodes that the test answers for. Time stands still until it is told to pass.
class Client {
 public:
  explicit Client(std::size_t nodes = 5) : membership{nodes, kTtl} {}

  Membership membership;
  RequestIds ids;
  Counting entropy;
  Now now{.boot = TimePoint{1h}, .wall_us = kWallUs};
  std::vector<Send> sent;  // the last that the algorithm wanted sent

  void pass(Duration time) {
    now.boot += time;
    now.wall_us +=
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
  }

  // The last request to `node` of this kind, if any was in `sent`.
  template <class Kind>
  const Send* request(NodeIndex node) const {
    const Send* found = nullptr;
    for (const Send& send : sent) {
      if (send.node == node && std::holds_alternative<Kind>(send.request)) found = &send;
    }
    return found;
  }
  template <class Kind>
  std::size_t count() const {
    std::size_t number = 0;
    for (const Send& send : sent) number += std::holds_alternative<Kind>(send.request) ? 1 : 0;
    return number;
  }
  template <class Kind>
  const Kind& only() const {
    for (const Send& send : sent) {
      if (const auto* kind = std::get_if<Kind>(&send.request)) return *kind;
    }
    FAIL("nothing of the kind was sent");
    throw 0;
  }
};

inline Identity identity(std::string run_id, std::chrono::seconds uptime = 24h) {
  return {
      .known = true, .run_id = std::move(run_id), .uptime = uptime, .role = Role::Master, .cluster = false};
}
inline const Failure kConnectionRefused{
    .may_have_arrived = false, .connection_gone = true, .detail = "connection refused"};
inline const Failure kConnectionBroken{.connection_gone = true, .detail = "broken"};
inline const Failure kTimedOut{.detail = "timed out"};
inline const Failure kErrorReply{.detail = "an error"};
inline const Failure kNotReady{.passes = true, .detail = "loading"};
inline Refused refused(std::string holder, std::chrono::milliseconds remaining = 500ms) {
  return {.holder = {std::move(holder)}, .remaining = remaining, .info = {}};
}

// One attempt whose requests of the present round the test answers by node.
class Attempt : public Client {
 public:
  explicit Attempt(std::size_t nodes = 5, unsigned max_rounds = 24, Duration least_validity = 100ms,
                   Duration node_timeout = kNodeTimeout, TimePoint give_up_at = TimePoint::max(),
                   std::size_t slots = 0)
      : Client{nodes},
        acquisition{{.ttl = kTtl,
                     .node_timeout = node_timeout,
                     .least_validity = least_validity,
                     .max_rounds = max_rounds,
                     .give_up_at = give_up_at,
                     .slots = slots},
                    membership,
                    ids,
                    entropy} {}

  AcquireOp acquisition;
  std::vector<RequestId> asked = std::vector<RequestId>(membership.nodes());
  Token token;

  void start() { take(acquisition.start(now)); }
  void answer(NodeIndex node, const Reply& reply) {
    take(acquisition.on_reply(now, node, asked[node], reply));
  }
  void fail(NodeIndex node, const Failure& failure = kTimedOut) { answer(node, failure); }
  // Time passes until the attempt wants to be called.
  void wait() {
    REQUIRE(acquisition.deadline() != TimePoint::max());
    pass(std::max(acquisition.deadline() - now.boot, Duration{}));
    take(acquisition.on_time(now));
  }
  template <class Kind>
  const Kind* verdict() const {
    return acquisition.verdict() ? std::get_if<Kind>(&*acquisition.verdict()) : nullptr;
  }
  bool undecided() const { return !acquisition.verdict(); }

  void take(std::vector<Send> sends) {
    sent = std::move(sends);
    for (const Send& send : sent) {
      if (std::holds_alternative<ReleaseRequest>(send.request)) continue;
      asked[send.node] = send.id;
      if (const auto* acquire = std::get_if<AcquireRequest>(&send.request)) token = acquire->token;
    }
  }
};

}  // namespace redlock::quorum::test
