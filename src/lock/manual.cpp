#include "lock/manual.hpp"

#include "lock/releaser.hpp"
#include "lock/report.hpp"

namespace redlock::lock {

ExtendedByHand extend_by_hand(Driver& driver, const quorum::Token& token, std::chrono::milliseconds ttl) {
  const TimePoint asked = driver.now().boot;
  quorum::ExtendOp extension{
      {.ttl = ttl, .node_timeout = driver.node_timeout()}, token, driver.membership(), driver.ids()};
  driver.start(extension);
  driver.run(extension);
  ExtendedByHand extended{.verdict = *extension.verdict(), .troubles = {}};
  if (std::holds_alternative<quorum::NoQuorum>(extended.verdict))
    extended.troubles = report_troubles(driver, asked);
  return extended;
}

ReleasedByHand release_by_hand(Driver& driver, const quorum::ReleaseRequest& release) {
  const TimePoint asked = driver.now().boot;
  Releaser releaser{driver, release};
  ReleasedByHand released{.result = releaser.finish(),
                          .other = releaser.operation().other(),
                          .removed = releaser.operation().removed(),
                          .troubles = {}};
  if (released.result == quorum::ReleaseResult::NoQuorum) released.troubles = report_troubles(driver, asked);
  return released;
}

}  // namespace redlock::lock
