#pragma once

#include "process/signal_fd.hpp"

#include <optional>

namespace redlock::process {

// While there is no command, a signal means redlock itself. Takes all that are pending and does what they do
// by default: nothing (WINCH, CONT), or stop until continued (TSTP). One that ends redlock is returned
// instead, for SignalFd::die_of() when everything has been put in order.
std::optional<int> take_fatal_signal(SignalFd& signals);

}  // namespace redlock::process
