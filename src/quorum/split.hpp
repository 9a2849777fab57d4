#pragma once

#include "base/random.hpp"
#include "quorum/node_vote.hpp"

#include <optional>
#include <utility>

namespace redlock::quorum {

// What a contender does when a round ends without a quorum for anybody (DESIGN section 3, "Held or split?"). All
// contenders see the same votes: the strongest, with the most votes (ties: the lesser token), keeps them and asks again
// for the rest; the others release theirs. After a random pause these probe the nodes, which sets nothing and so disturbs
// nobody, and ask for votes, with a new token, only once a quorum is free. Only liveness depends on this; safety is the
// quorum alone.
class SplitPolicy {
 public:
  // `stood_still`: the strongest rival of the attempt before, where that ended in a split; empty: none.
  explicit SplitPolicy(Token stood_still = {})
      : last_strongest_{std::move(stood_still)},
        still_rounds_{last_strongest_.value.empty() ? 0 : kStillRounds} {}

  // Pauses, in round trips (the time that a quorum takes to answer), chosen by the simulator's stampedes (redlock-sim
  // --stampede). A keeper that is quicker finds votes that are not released yet; one that is slower only loses time. A
  // yielder that is quicker finds the strongest still collecting, and has probed in vain.
  static constexpr double kKeeperPause = 0.4;
  static constexpr double kLeastYielderPause = 2.0;
  static double yielder_pause(Entropy& entropy);

  static bool is_strongest(const Token& token, const VoteCount& count);

  // Whether a rival neither collects the rest nor releases what it has: it died, or it holds the lock with votes of
  // nodes that do not answer us. Then our votes only keep it from its repairs. Asked once each round.
  bool stands_still(const VoteCount& count);

  // A quorum has answered after this time.
  void on_quorum_answered(Duration took);
  // The shortest that a quorum took, or else what the present round has lasted.
  Duration round_trip(Duration so_far) const;

 private:
  static constexpr unsigned kStillRounds = 4;  // a live rival releases its votes within 2 or 3

  std::optional<Duration> round_trip_;
  Token last_strongest_;
  unsigned still_rounds_;
};

}  // namespace redlock::quorum
