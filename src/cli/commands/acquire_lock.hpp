#pragma once

#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/lock_events.hpp"
#include "config/settings.hpp"
#include "lock/acquirer.hpp"
#include "lock/driver.hpp"
#include "process/signal_fd.hpp"
#include "quorum/acquire_op.hpp"

#include <string>

// Shared by the commands that acquire a lock.
namespace redlock::cli {

// Connects to the nodes. They store `holder` with the lock, and the note of the settings. `events`, if any, must outlive the driver.
lock::Driver open_driver(const LockNames& lock, quorum::HolderInfo holder, LockEvents* events = nullptr);

// Nobody may read this process's memory if it holds passwords of nodes.
void keep_passwords_private(const config::Settings& settings);

// The validity that a grant must have if its command is to be stopped before the end: time to start and to stop it.
Duration least_validity_of_holder(const config::Settings& settings);

// Acquires the lock, and reports on stderr if it has to wait. A fatal signal ends redlock here, with nothing left on the
// nodes. A grant with less than `least_validity` left is none.
quorum::AcquireVerdict acquire_lock(const Arguments& arguments, const config::Settings& settings,
                                    Duration least_validity, lock::Driver& driver, lock::Acquirer& acquirer,
                                    process::SignalFd& signals, LockEvents& events);

// The arguments of a holder: one that has a slot has the lock NAME#k from here on.
Arguments with_name_of_slot(const Arguments& arguments, const quorum::Won& won);
LockNames with_name_of_slot(const LockNames& lock, const quorum::Won& won);

// Logs why the lock was not granted, and returns the exit status. Throws ConfigError if two nodes are one server.
int refuse(const Arguments& arguments, const config::Settings& settings, const lock::Acquirer& acquirer,
           const quorum::AcquireVerdict& verdict);

// Throws ConfigError: two of the configured nodes are one server.
[[noreturn]] void refuse_same_server(const config::Settings& settings, const quorum::SameServer& same);

}  // namespace redlock::cli
