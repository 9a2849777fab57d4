#pragma once

#include "quorum/acquire_op.hpp"
#include "quorum/extend_op.hpp"
#include "quorum/lease.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace redlock::sim {

// A lease that is extended by hand: by a new quorum::ExtendOp each time, which remembers nothing. What a careful
// script does, with the face of quorum::Lease.
class HandHeld {
 public:
  HandHeld(const quorum::LeaseRules& rules, const quorum::Won& won, quorum::Membership& membership,
           quorum::RequestIds& ids, Entropy& entropy, Now now);

  std::vector<quorum::Send> on_reply(Now now, quorum::NodeIndex node, quorum::RequestId id,
                                     const quorum::Reply& reply);
  std::vector<quorum::Send> on_time(Now now);

  TimePoint deadline() const;
  TimePoint valid_until() const { return valid_until_; }
  const std::optional<quorum::Loss>& lost() const { return lost_; }
  std::uint64_t last_success() const { return successes_; }

 private:
  void judge(Now now);
  TimePoint give_up_at() const { return valid_until_ - rules_.lead; }

  quorum::LeaseRules rules_;
  quorum::Token token_;
  quorum::Membership& membership_;
  quorum::RequestIds& ids_;
  Entropy& entropy_;
  std::optional<quorum::ExtendOp> extension_;
  bool judged_ = false;  // the present one
  TimePoint valid_until_;
  TimePoint next_attempt_;
  std::uint64_t successes_ = 0;
  std::optional<quorum::Loss> lost_;
};

}  // namespace redlock::sim
