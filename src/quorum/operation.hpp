#pragma once

#include "quorum/types.hpp"

#include <vector>

namespace redlock::quorum {

// What the algorithm wants of the nodes at one time: to take the lock, keep it, extend it once, or release it. Pure: it
// says which requests to send and when to be called next, and hears what becomes of each request. A driver runs it:
// lock::Driver over sockets, the simulator over fake nodes.
class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  // Each returns the requests to send now. Replies to requests that this operation did not ask for are ignored.
  virtual std::vector<Send> start(Now now) = 0;
  virtual std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) = 0;
  virtual std::vector<Send> on_time(Now now) = 0;

  // When on_time() wants to be called; TimePoint::max() when only an answer can bring news.
  virtual TimePoint deadline() const = 0;
  // Whether there is a result. Answers that come later may still matter to it.
  virtual bool done() const = 0;
};

}  // namespace redlock::quorum
