#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace redlock::sim {

// What can go wrong in a simulated world.
enum class Fault : std::size_t {
  Jitter,        // a message takes up to as long as a lease
  LostRequests,  // a connection swallows what is written from some message on, and breaks later
  LostReplies,   // the same on the way back
  Cuts,          // a connection breaks; what is under way on it is lost, or arrives before the next connect
  Outages,       // the network between a client and a node holds everything back for a while
  NodeErrors,    // a node answers a request with an error and does nothing
  Moves,         // an address comes to lead to another of the configured servers
  NodePauses,    // a node does nothing for a while, but its clock runs
  ClientPauses,  // SIGSTOP, swapping, a garbage collector: everything read afterwards, in either order
  Suspends,      // the client's machine sleeps: BOOTTIME runs, MONOTONIC does not
  Deaths,        // a client stops for ever, anywhere
  Crashes,       // a node ends and comes back with its keys
  Amnesia,       // a node ends and comes back empty
  Drift,         // clocks run fast or slow, as much as clock_drift() allows for
  WallJumps,     // the wall clock of a client jumps, also by years
  Duplicates,    // two configured addresses lead to one server
  Foreign,       // other Redlock libraries want the same key
  Hands,         // locks are extended and broken by hand, by processes that only know their tokens
  // Outside the model: exclusion is waived, everything else must hold.
  WildDrift,     // clocks run at up to half or twice their speed
  HandDeletes,   // somebody deletes the key by hand
  NodeJumps,     // the clock of a node jumps, and its keys expire early or late
  NoQuarantine,  // nodes that forgot everything vote at once
  // Inside the model, and in whole worlds alone (whole/world.hpp).
  Pieces,        // bytes come in pieces, and kernels take no more than a few
  HalfCloses,    // a node closes a connection behind its answer
  ConnectHangs,  // the first packet of a connection is lost
  Lookups,       // a name is not found, or late
  kCount
};
using Faults = std::bitset<static_cast<std::size_t>(Fault::kCount)>;

struct FaultInfo {
  Fault fault;
  std::string_view name;
  bool inside_model;
  bool whole_only = false;
};

std::optional<Fault> fault_named(std::string_view name);
const FaultInfo& info(Fault fault);

// Inside the model, but for those of whole worlds.
Faults faults_inside_model();
Faults faults_of_whole_worlds();  // inside the model, with them
Faults all_faults();

// "all", "inside", "none", or names with commas between. Nothing for an unknown name.
std::optional<Faults> parse_faults(std::string_view list);
std::string names_of(const Faults& faults);

inline bool has(const Faults& faults, Fault fault) {
  return faults.test(static_cast<std::size_t>(fault));
}

// Faults of the simulator's own parts, which its invariants must notice (tests/sim/CMakeLists.txt has those
// of src/quorum).
enum class Defect {
  None,
  MonotonicClock,           // the driver reads CLOCK_MONOTONIC
  ExtensionShortens,        // the extend script sets the TTL that it is told, also where more was left
  ReleaseWithoutCompare,    // the release script deletes whatever is there
  UnconditionalWriteBack,   // the confirm script does not look whose the key is
  IdentityForgotten,        // the driver asks a node who it is on its first connection only
  ReleaseOvertakesAcquire,  // the driver releases on a connection of its own
  NoteOnlyOnTheToken,       // the release script leaves no note where the token is absent
  RestOutlivesCounter,      // a rest does not let the fence counter live longer
  RestIsCutShort,           // a rest lasts half as long as it is told
  RestIsShortened,          // the extend script gives a lock that rests the TTL of its lease
  RestIsRestored,           // the extend script restores a lock that rests where it is absent
  RestSetsTheKey,           // a rest sets the key where it is absent
  // Of a lock with several names:
  VotesForSomeNames,  // the acquire script grants, and sets, the names that are free
  OneCounterRaised,   // it raises the fence counter of the first name alone
  SetsWhatIsFree,     // it sets the names that are free when it refuses
  PartSetAnewUnseen,  // the extend script says of a token that it has set anew on some names that it was there
  ExtendsTheRest,     // it extends the other names when one is another's
  ReleasesOneName,    // the release script deletes the first name alone
  BarsAtTheHeadOnly,  // a waiter for several names bars none until it is the first in all their queues
  HandsNothingOn,     // a grant of several names bars none of them for the next waiter
  // Of a lock with slots:
  CountsEntries  // a node grants as long as it has fewer entries than there are slots, whichever slot was asked for
};
std::optional<Defect> defect_named(std::string_view name);

}  // namespace redlock::sim
