#pragma once

#include "base/fd.hpp"

#include <cstdint>

namespace redlock::process {

enum class MessageKind : std::int32_t {
  // redlock to guard
  Signal,  // value: the signal for the command; detail: 1 if pid sent it to the whole process group of the job
  Ping,    // answer with Pong
  Continue,  // send SIGCONT if the command is still in stop `serial`: redlock itself was continued
  // Redlock answers the report of the command's own end with one of these three. Until then the guard applies the
  // deadline to what the command has left running.
  Dismiss,           // exit and leave the descendants alone
  AwaitDescendants,  // stay until they have ended, then report DescendantsEnded
  EndDescendants,    // send them signal `value`, KILL after kill_after, then report DescendantsEnded

  // guard to redlock
  Pong,        // the answer to Ping
  Stuck,       // pid: this process does not die; 0: unknown which; detail: 1 if it may not be killed
  Refused,     // value: the signal that the command cannot be sent: it belongs to another user
  JobStopped,  // value: the signal that stopped the command; continued: how often redlock had it continued
  // How it ended. None follows.
  Exited,            // value: status; detail: 1 if it has left a nested run behind (NestedMark)
  Signalled,         // value: signal; detail: likewise
  Stopped,           // value: survivors
  DescendantsEnded,  // value: survivors; detail: 1 if the deadline ended them
  ForkRefused,       // value: errno
  ListsRefused,      // value: errno; ChildLists could not be opened
};

// Redlock and its guard exchange these, one datagram each (SOCK_SEQPACKET). End of file tells the guard that redlock is dead,
// and redlock that the guard is.
struct Message {
  MessageKind kind;
  std::int32_t value = 0;
  std::int32_t detail = 0;
  std::int32_t serial = 0;  // numbers the stops, so that a message about one that is over is recognized
  std::int32_t continued = 0;
  std::int32_t pid = 0;
  std::int32_t late_ms = 0;  // with survivors: how long after the end of validity the last process died
};

enum class Receipt { Got, Nothing, Closed };

// One end of the channel. Async-signal-safe.
class Channel {
 public:
  Channel() = default;
  explicit Channel(UniqueFd fd) noexcept : fd_{static_cast<UniqueFd&&>(fd)} {}

  int fd() const noexcept { return fd_.get(); }
  void close() noexcept { fd_.reset(); }

  // Never blocks: a peer that is stopped for long and reads nothing loses messages.
  void send(const Message& message) const noexcept;

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
