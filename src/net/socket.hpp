#pragma once

#include "base/fd.hpp"

namespace redlock::net {

// Has the kernel look after a connection on which nothing may be sent for long: a peer that has vanished is noticed
// within a minute. Unix sockets need nothing of the kind.
void keep_alive(int socket) noexcept;

// Closes it so that bytes that have not arrived are dropped by the kernel and not sent again.
void close_at_once(UniqueFd& socket) noexcept;

}  // namespace redlock::net
