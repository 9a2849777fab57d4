#pragma once

#include <cstdint>
#include <string>

namespace redlock::sim {

// Runs quorum::Waiter: clients that wait in the queues of simulated nodes, take the lock and hand it on. Requests arrive; what
// the nodes tell by themselves may be lost or late, nodes may tell nothing or hang, waiters and holders die or stand still,
// locks expire or are deleted by hand.
//
//  1. Nobody sleeps past its poll while the lock is free: once a quorum has been free for as long as a poll and the slots of
//     all clients take, each waiter has asked or tried.
//  2. The lock is taken in bounded time: in two polls; and where nothing is lost and nobody has died since the last grant,
//     in a few round trips.
//  3. Everybody who lives is served in the end.
struct WaitingRun {
  std::uint64_t seed = 1;
  std::uint64_t schedules = 1'000;
  bool expect_violation = false;
};
// Prints what came of it, a violation with its trace. Returns the exit status.
int run_waiting(const WaitingRun& run);

// One schedule in full.
std::string tell_waiting(std::uint64_t seed);

}  // namespace redlock::sim
