#pragma once

// How a waiter waits, as a table role x event -> step (DESIGN section 3, "Waiting").
//
// Messages can be lost, and nodes can lie. Every waiter therefore asks one node after the other who the holder is, every
// second or two, and looks once more at whatever is not explained, after one slot of time for each earlier waiter.
namespace redlock::quorum {

// By the position in the queue.
enum class WaiterRole {
  Queued,  // 2 and farther back: listens on one node, its home, to its own channel, on which it is called to the front
  Second,  // 1: listens to the key on every node. Also a waiter whose position no node knows, a random number of slots late
  First    // 0: the same
};

enum class WaiterEvent {
  Hears,        // nobody tells what happened before the nodes began to tell us of changes
  QuorumTold,   // the key has changed on a quorum: it was released, or has expired, or was only extended
  SomeTold,     // on fewer
  OtherHolder,  // a poll has found another holder than the one we know
  NoHolder,     // a node has none
  StillNone,    // nor has another one, when all earlier waiters have had their slots
  OthersGone,   // somebody before it has given up; or, of several names, has gone from one of the queues
  BarDue,  // it has become the first in all of its several queues, or another has taken one of the names since
  NotQueued,  // the node has us in no queue: we were passed over, or it has lost the queue
  ProbeFailed,
  TooFewAnswer,  // the nodes that answer are no quorum any more
  PollDue,
  CheckDue,
  ExpiryDue,  // the lease has ended for a quorum, and all earlier waiters have had their slots
  RetryDue,   // too few nodes tell of changes
  RenewDue    // the nodes are to know that we still wait
};

// In order of urgency.
enum class WaiterStep {
  Nothing,
  PlanCheck,  // Check when all earlier waiters have had their slots; as First, after one
  AskHolder,  // one command
  AskState,   // holder, TTL, and our position: a script
  Check,      // the same, in turn
  Try,        // out of turn, it is refused, and we stand in the queue again
  Pass        // try in turn: earlier waiters that have not taken theirs lose their positions
};

struct WaiterReaction {
  WaiterEvent event;
  WaiterStep queued, second, first;
};

constexpr WaiterStep reaction(WaiterRole role, WaiterEvent event) {
  using enum WaiterEvent;
  using enum WaiterStep;
  constexpr WaiterReaction table[] = {
      // event      Queued     Second     First
      {Hears, AskState, AskState, AskState},
      {QuorumTold, Nothing, PlanCheck, Try},
      {SomeTold, Nothing, PlanCheck, PlanCheck},
      {OtherHolder, AskState, AskState, AskState},
      {NoHolder, PlanCheck, PlanCheck, Try},
      {StillNone, Pass, Pass, Pass},
      {OthersGone, AskState, AskState, AskState},
      {BarDue, Nothing, Nothing, Try},  // which keeps others away
      {NotQueued, Try, Try, Try},
      {ProbeFailed, AskState, AskState, AskState},
      {TooFewAnswer, Try, Try, Try},  // which tells for certain
      {PollDue, AskHolder, AskHolder, AskHolder},
      {CheckDue, Check, Check, Check},
      {ExpiryDue, Nothing, Check, Try},
      {RetryDue, Try, Try, Try},
      {RenewDue, Try, Try, Try},
  };
  for (const WaiterReaction& row : table) {
    if (row.event != event) continue;
    return role == WaiterRole::Queued ? row.queued : role == WaiterRole::Second ? row.second : row.first;
  }
  return Nothing;
}

}  // namespace redlock::quorum
