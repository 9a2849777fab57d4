#include "process/channel.hpp"

#include "base/error.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace redlock::process {

void Channel::send(const Message& message) const noexcept {
  ::send(fd_.get(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Receipt Channel::receive(Message& message) const noexcept {
  const ssize_t size = recv(fd_.get(), &message, sizeof message, MSG_DONTWAIT);
  if (size == static_cast<ssize_t>(sizeof message)) return Receipt::Got;
  return size < 0 && (errno == EAGAIN || errno == EINTR) ? Receipt::Nothing : Receipt::Closed;
}

ChannelPair open_channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw SystemError{"cannot open a channel to the guard", errno};
  }
  return {.redlock = Channel{UniqueFd{ends[0]}}, .guard = Channel{UniqueFd{ends[1]}}};
}

}  // namespace redlock::process
