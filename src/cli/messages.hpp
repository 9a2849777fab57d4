#pragma once

#include "base/clock.hpp"
#include "lock/report.hpp"
#include "quorum/acquire_verdict.hpp"
#include "quorum/lease.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

// Messages for people. All have one form: what happened: which: why. What to do.
namespace redlock::cli {

// "lock 'a'"; of several names "locks 'a', 'b'". With `verb`, "was" or "is": "locks 'a', 'b' were".
std::string describe_lock(const std::vector<std::string>& names, std::string_view verb = {});
// As $REDLOCK_NAME has them: one a line.
std::string one_a_line(const std::vector<std::string>& names);

// Why the lock was not acquired, for a verdict other than Won and Cancelled. If too few nodes answered, a line for each
// that did not follows the first; and where nobody can be told to have it, one for each who has votes. `reports` are
// Acquirer::troubles(), `holders` Acquirer::holders().
std::vector<std::string> explain_refusal(const std::vector<std::string>& names,
                                         const quorum::AcquireVerdict& verdict,
                                         const std::vector<std::string>& reports, std::size_t nodes,
                                         const std::vector<lock::ShownHolder>& holders = {});

// Why it would be no use to wait for this holder, whose end waits for the end of this process. `reentrant`: --reentrant would
// help. `slots`: that the lock has, each of them with such a holder; 0: it has none.
std::string explain_nesting(const std::string& name, const quorum::HolderInfo& holder, std::size_t slots,
                            bool reentrant);

// The holder, after the name of the lock: "is held by carol@web3 (pid 812, backup.sh) since 3m; it expires in 21s unless extended".
// Of one that rests: "rests: ran on web3, ended with 0 at 03:00:12, may run again at 03:05:00".
std::string describe_hold(const quorum::HolderInfo& info, const std::optional<Duration>& free_in,
                          std::uint64_t now_us);

// The words of the latter behind the colon, as far as it is known when. `free_in`: when it may run again.
std::string describe_rest(const quorum::HolderInfo& info, const std::optional<Duration>& free_in,
                          std::uint64_t now_us);

// Of a lock that nobody has, and that others who wait do not get: "kept for the next in line since 3m, which waits for several
// locks or was passed over". `waiter`: its name in the queue.
std::string describe_bar(const quorum::Token& waiter, std::uint64_t now_us);

// Why a client waits, so that it is news when that changes: the kind of the verdict, whether the lock rests, and whether it
// is kept for another waiter.
using KindOfWait = std::tuple<std::size_t, bool, bool>;
KindOfWait kind_of_wait(const quorum::AcquireVerdict& verdict);

// "; it expires in 21s unless extended". `free_in`: nothing if the key has no TTL.
std::string explain_expiry(const std::optional<Duration>& free_in);

// "all 4 slots are taken; the first falls free in 21s unless extended".
std::string slots_taken(const quorum::Held& held, const std::optional<Duration>& free_in);

// Why this process lost the lock. If too few nodes extended it, a line for each that did not follows the first: `reports`,
// of lock::report_troubles(). `overslept`: see overslept().
std::vector<std::string> explain_loss(const std::vector<std::string>& names, const quorum::Loss& loss,
                                      const std::vector<std::string>& reports, std::size_t nodes,
                                      bool overslept = false);

// Whether this process did not run at `due`, when it had to act before the end of its lease: it was stopped or suspended,
// and the nodes are not to blame.
bool overslept(TimePoint due, Duration ttl);

}  // namespace redlock::cli
