#pragma once

#include "lock/driver.hpp"
#include "lock/lock_status.hpp"

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace redlock::lock {

// A question to one node: the words of a command that changes nothing (redis::Query).
struct Question {
  quorum::NodeIndex node;
  std::vector<std::string> words;
};

// The outcome of a question.
struct Response {
  TimePoint sent;
  Duration took;  // with the time to connect, where that was needed
  std::variant<redis::Value, quorum::Failure> what;
};

// Looks at locks and nodes, and changes nothing.
class Inspector {
 public:
  explicit Inspector(DriverOptions options);
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;

  std::size_t size() const { return driver_.size(); }  // nodes
  const redis::NodeEndpoint& endpoint(quorum::NodeIndex node) const { return driver_.nodes().endpoint(node); }
  const quorum::Membership& membership() const { return driver_.membership(); }
  Driver& driver() { return driver_; }
  bool hung(quorum::NodeIndex node) const { return hung_[node]; }  // when it was last asked

  // Asks everything at once and returns the outcome of each question, in their order; node_timeout at the most. Nothing
  // when a descriptor of `wake_fds` is readable before.
  std::optional<std::vector<Response>> ask(const std::vector<Question>& questions,
                                           std::span<const int> wake_fds = {});

  // Probes several locks, given by their keys, in one round trip: what the nodes show, lock by lock. With `skip_hung`,
  // nodes that hung when they were last asked are left out, so that they do not hold up each of many probes.
  std::optional<std::vector<Observations>> probe(const std::vector<std::string>& keys,
                                                 std::span<const int> wake_fds = {}, bool skip_hung = false);
  // The same of locks that may be slots, which share their queue.
  std::optional<std::vector<Observations>> probe_locks(const std::vector<redis::LockKeys>& locks,
                                                       std::span<const int> wake_fds = {},
                                                       bool skip_hung = false);

 private:
  bool take(redis::Event& event);

  Driver driver_;
  std::vector<bool> hung_;  // the last question to the node timed out

  // The questions under way: that with index i has the id first_ + i.
  quorum::RequestId first_ = 0;
  std::vector<Response> responses_;
  std::size_t open_ = 0;
};

}  // namespace redlock::lock
