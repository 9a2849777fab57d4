#pragma once

#include "quorum/types.hpp"

#include <optional>
#include <vector>

namespace redlock::lock {

// Releases that are owed, also those of earlier attempts. The algorithm asks for a release once and the driver tries once;
// this class stands between them and has it sent again, after a short pause, until its node has answered or its deadline
// has passed.
class PendingReleases {
 public:
  // `release` is handed to the driver now.
  void add(const quorum::Send& release);

  void on_reply(quorum::RequestId id);
  // Returns whether the release is going to be sent again: then this failure is not its outcome.
  bool on_failure(Now now, quorum::RequestId id, const quorum::Failure& failure);

  struct ExpiredRelease {
    quorum::NodeIndex node;
    quorum::RequestId id;
    quorum::Failure failure;  // the last
  };
  struct Due {
    std::vector<quorum::Send> again;      // to be sent now, under the same ids
    std::vector<ExpiredRelease> expired;  // their outcome is this failure
  };
  Due on_time(Now now);
  // When on_time wants to be called; TimePoint::max() for never.
  TimePoint deadline() const;

  bool empty() const { return releases_.empty(); }
  bool contains(quorum::RequestId id) const;
  // Whether a release to this node is with the driver, or waits to be sent again.
  bool owes(quorum::NodeIndex node) const;
  bool pauses(quorum::NodeIndex node) const;

 private:
  struct OwedRelease {
    quorum::Send send;
    unsigned failures = 0;
    std::optional<TimePoint> again_at{};  // none: it is with the driver
    quorum::Failure failure{};            // the last
  };
  template <class Predicate>
  bool any(Predicate predicate) const;

  std::vector<OwedRelease> releases_;
};

}  // namespace redlock::lock
