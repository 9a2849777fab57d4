#pragma once

#include "process/signal_fd.hpp"

#include <optional>

namespace redlock::process {

// For signals that come while there is no command, and so are meant for redlock. Takes all that are pending and does what they
// do by default: nothing (WINCH, CONT) or stop until continued (TSTP). Returns the first one that would end redlock, for
// SignalFd::die_of() after cleaning up.
std::optional<int> take_fatal_signal(SignalFd& signals);

}  // namespace redlock::process
