#pragma once

#include "faults.hpp"

#include <cstdint>
#include <string>

namespace redlock::sim {

// Runs quorum::Waiter: clients that wait in the queues of simulated nodes, take the lock and hand it on. Requests arrive; what
// the nodes tell by themselves may be lost or late, nodes may tell nothing or hang, waiters and holders die or stand still,
// locks expire or are deleted by hand.
//
//  1. Nobody sleeps past its poll while the lock, or a slot of it, is free: once a quorum has been free for as long as a
//     poll and the slots of time of all clients take, each waiter has asked or tried.
//  2. The lock is taken in bounded time: in two polls; and where nothing is lost and nobody has died since the last grant,
//     in a few round trips.
//  3. Everybody who lives is served in the end.
//  4. Each waiter asks each node again and again, also one that was silent.
//  5. Dead waiters leave the queues once they have been passed over, where nothing is lost.
//  6. Nobody overtakes the oldest waiter for long, where nothing is lost; also where it wants several names.
struct WaitingWorlds {
  std::size_t names = 0;  // 0: drawn
  // Philosophers instead: five that want two of five names each, so many times. Once all have eaten
  // twice, none has eaten three times as often as another.
  unsigned meals = 0;
  Defect defect = Defect::None;
};
struct WaitingRun {
  std::uint64_t seed = 1;
  std::uint64_t schedules = 1'000;
  bool expect_violation = false;
  WaitingWorlds worlds{};
};
// Prints what came of it, a violation with its trace. Returns the exit status.
int run_waiting(const WaitingRun& run);

// One schedule in full.
std::string tell_waiting(std::uint64_t seed, const WaitingWorlds& worlds);

}  // namespace redlock::sim
