#pragma once

#include "base/clock.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/lease.hpp"

#include <optional>
#include <string>
#include <vector>

// Messages for people. All have one form: what happened: which: why. What to do.
namespace redlock::cli {

// Why the lock was not acquired, for a verdict other than Won and Cancelled. If too few nodes answered, a line for each
// that did not follows the first. `reports` are Acquirer::troubles().
std::vector<std::string> explain_refusal(const std::string& name, const quorum::AcquireVerdict& verdict,
                                         const std::vector<std::string>& reports, std::size_t nodes);

// "; it expires in 21s unless extended". `free_in`: nothing if the key has no TTL.
std::string explain_expiry(const std::optional<Duration>& free_in);

// Why this process lost the lock. `overslept`: see overslept().
std::string explain_loss(const std::string& name, const quorum::Loss& loss, bool overslept = false);

// Whether this process did not run at `due`, when it had to act before the end of its lease: it was stopped or suspended,
// and the nodes are not to blame.
bool overslept(TimePoint due, Duration ttl);

}  // namespace redlock::cli
