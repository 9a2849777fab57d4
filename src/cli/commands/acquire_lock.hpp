#pragma once

#include "cli/args/options.hpp"
#include "cli/lock_events.hpp"
#include "config/settings.hpp"
#include "lock/session.hpp"
#include "process/signal_fd.hpp"
#include "quorum/acquire_op.hpp"

#include <string>

// What every command that takes a lock does: settings, nodes, waiting, and the words when it does not get it.
namespace redlock::cli {

// Connections for the lock; `holder` is what the nodes write down of who has it. `events`, if any, must outlive the
// session.
lock::Session open_session(const std::string& name, const config::Settings& settings,
                           const quorum::HolderInfo& holder, LockEvents* events = nullptr);

// What must be left of a lease at its grant where somebody is stopped before its end: time for that, and to start.
Duration least_validity_of_holder(const config::Settings& settings);

// Acquires, and says on stderr that it waits. A signal that would have ended redlock ends it here, with
// nothing left on the nodes. `least_validity`: a grant with less than this left is none.
quorum::AcquireVerdict acquire_lock(const Arguments& arguments, const config::Settings& settings,
                                    Duration least_validity, lock::Session& session,
                                    process::SignalFd& signals, LockEvents& events);

// Says why the lock was not granted, and returns the exit status for it. Throws ConfigError when two of the
// nodes are one server.
int refuse(const Arguments& arguments, const config::Settings& settings, const lock::Session& session,
           const quorum::AcquireVerdict& verdict);

// Two of the configured nodes are one server.
[[noreturn]] void refuse_same_server(const config::Settings& settings, const quorum::SameServer& same);

}  // namespace redlock::cli
