#include "cli/commands/release_on_exit.hpp"

#include "base/duration.hpp"
#include "base/log.hpp"
#include "cli/messages.hpp"
#include "lock/report.hpp"

#include <fmt/format.h>

#include <exception>

namespace redlock::cli {

ReleaseOnExit::~ReleaseOnExit() {
  if (kept_) return;
  try {
    release();
  } catch (const std::exception& error) {
    log::error(fmt::format("cannot release the lock, which now has to expire: {}", error.what()));
  }
}

void ReleaseOnExit::release() {
  const TimePoint asked = driver_.now().boot;
  const quorum::ReleaseResult result = releaser_.finish();
  const auto& rest = releaser_.rest();
  if (rest && releaser_.by_hand() && result != quorum::ReleaseResult::Ours) {
    events_.released(result);
    log::debug(fmt::format("{} not left to rest: the command has released it", describe_lock(names_, "is")));
  } else if (rest) {
    events_.resting(result, *rest);
    tell_of_rest(result, asked);
  } else {
    events_.released(result);
    tell_of_release(result, asked);
  }
}

void ReleaseOnExit::tell_of_rest(quorum::ReleaseResult result, TimePoint asked) const {
  const Duration length = releaser_.rest()->length;
  if (result == quorum::ReleaseResult::Ours) {
    log::debug(fmt::format("{} left to rest for {}", describe_lock(names_, "is"), human_duration(length)));
    return;
  }
  const bool unknown = result == quorum::ReleaseResult::NoQuorum;
  log::warning(fmt::format("{} may be granted to others before {} of {} is over: {}: {} of {} nodes needed",
                           describe_lock(names_), names_.size() > 1 ? "the rest" : "its rest",
                           human_duration(length),
                           unknown ? "no quorum has confirmed it" : "too few nodes still had it",
                           quorum::votes_needed(driver_.size()), driver_.size()));
  if (!unknown) return;
  for (const std::string& trouble : lock::report_troubles(driver_, asked)) log::warning("  " + trouble);
}

void ReleaseOnExit::tell_of_release(quorum::ReleaseResult result, TimePoint asked) const {
  if (result != quorum::ReleaseResult::NoQuorum || lost_) return;
  log::warning(fmt::format(
      "{} may still be held: no quorum has confirmed its release: {} of {} nodes needed; it expires in {} at "
      "the latest",
      describe_lock(names_), quorum::votes_needed(driver_.size()), driver_.size(), human_duration(ttl_)));
  for (const std::string& trouble : lock::report_troubles(driver_, asked)) log::warning("  " + trouble);
}

}  // namespace redlock::cli
