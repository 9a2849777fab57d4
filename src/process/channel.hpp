#pragma once

#include "base/fd.hpp"

#include <cstdint>
#include <optional>

// What redlock and its guard tell each other: one datagram each over a SOCK_SEQPACKET pair. The end of the
// file tells the guard that redlock is dead, and redlock that the guard is. Async-signal-safe throughout.
namespace redlock::process {

struct Message {
  enum class Kind : std::int32_t {
    // redlock to guard
    Signal,    // value: send this signal to the command; detail: 1 if pid sent it to all of the job's group
    Ping,      // answer with Pong
    Continue,  // send SIGCONT if the command is still in stop `serial`: redlock itself has been continued
    // One of these when the report of the command's own end has arrived. Until then the guard holds the deadline for
    // what the command has left running.
    Dismiss,           // go, and leave that alone
    AwaitDescendants,  // stay until it has ended, then send DescendantsEnded
    EndDescendants,    // the same; value: it gets this signal, and KILL when kill_after has passed
    // guard to redlock
    Pong,        // the answer to Ping
    Stuck,       // pid: it was killed and does not end; 0: nobody knows which
    JobStopped,  // value: the signal that stopped the command; continued: how many times redlock had it continued
    Exited,      // value: status
    Signalled,         // value: signal
    Stopped,           // value: survivors
    DescendantsEnded,  // nothing is left of the tree but survivors (value); detail: 1 if the deadline has ended it
    ForkRefused,       // value: errno
    ListsRefused,  // value: errno; the processes of the command could not be found (ChildLists)
    ExecRefused,   // value: errno; detail: index of the candidate
    TooLate,       // the lease was over before the exec
  };
  Kind kind;
  std::int32_t value = 0;
  std::int32_t detail = 0;
  // Of a stop, so that one which is over by the time its message arrives is known as such.
  std::int32_t serial = 0;
  std::int32_t continued = 0;
  std::int32_t pid = 0;
  std::int32_t late_ms = 0;  // of Stopped: how long after the end of validity the last process died
};

class Channel {
 public:
  Channel() = default;
  explicit Channel(UniqueFd fd) noexcept : fd_{static_cast<UniqueFd&&>(fd)} {}

  int fd() const noexcept { return fd_.get(); }
  void close() noexcept { fd_.reset(); }

  // Never blocks: a peer that has been stopped and read nothing for long loses messages.
  void send(const Message& message) const noexcept;

  enum class Receipt { Got, Nothing, Closed };
  Receipt receive(Message& message) const noexcept;  // never blocks

 private:
  UniqueFd fd_;
};

struct ChannelPair {
  Channel redlock;
  Channel guard;
};
ChannelPair open_channel();  // throws SystemError

}  // namespace redlock::process
