#pragma once

#include "base/random.hpp"
#include "quorum/node_vote.hpp"

#include <optional>

namespace redlock::quorum {

// What a contender does when a round ends without a quorum for anybody (DESIGN section 3, "Held or split?"). All
// contenders see the same votes: the strongest, with the most votes (ties: the lesser token), keeps them and asks again
// for the rest; the others release theirs and come back with a new token after a random pause. Only liveness depends on
// this; safety is the quorum alone.
class SplitPolicy {
 public:
  // Pauses, in round trips (the time that a quorum takes to answer), chosen by the simulator's stampedes (redlock-sim
  // --stampede): of 10,000 rounds of 50 clients at the same instant each has one winner, known after 4.1 round trips at
  // the median and 4.7 at the 99th percentile, the connect included. A keeper that is quicker finds votes that are not
  // released yet; one that is slower only loses time. A yielder that is quicker (2 round trips) disturbs the collecting
  // when two of five nodes are dead: there one round in a hundred took more than 50 round trips instead of 10. Longer
  // pauses than these gain nothing.
  static constexpr double kKeeperPause = 0.4;
  static constexpr double kLeastYielderPause = 3.0;
  double yielder_pause(unsigned rounds, Entropy& entropy) const;

  static bool is_strongest(const Token& token, const VoteCount& count);

  // Whether a rival neither collects the rest nor releases what it has: it died, or it holds the lock with votes of
  // nodes that do not answer us. Then our votes only keep it from its repairs. Asked once each round.
  bool stands_still(const VoteCount& count);

  // A quorum has answered after this time.
  void on_quorum_answered(Duration took);
  // The shortest that a quorum took, or else what the present round has lasted.
  Duration round_trip(Duration so_far) const;

 private:
  std::optional<Duration> round_trip_;
  Token last_strongest_;
  unsigned still_rounds_ = 0;
};

}  // namespace redlock::quorum
