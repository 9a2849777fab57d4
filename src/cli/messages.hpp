#pragma once

#include "base/clock.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/lease.hpp"

#include <string>
#include <vector>

// What a person reads, in the one form of all messages: what happened: which: why. What to do.
namespace redlock::cli {

// Why the lock was not acquired, for a verdict other than Won and Cancelled. The first line is the message;
// one line for each troubled node follows when too few answered. `reports` are Session::reports().
std::vector<std::string> explain_refusal(const std::string& name, const quorum::AcquireVerdict& verdict,
                                         const std::vector<std::string>& reports, std::size_t nodes);

// Why a held lock is ours no more. `overslept`: see overslept().
std::string explain_loss(const std::string& name, const quorum::Loss& loss, bool overslept = false);

// Whether this process did not run when its lease came to its end, which was to be met at `due`: it was stopped or
// suspended, and has to say nothing about the nodes.
bool overslept(TimePoint due, Duration ttl);

}  // namespace redlock::cli
