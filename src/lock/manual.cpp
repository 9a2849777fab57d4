#include "lock/manual.hpp"

#include "lock/report.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

namespace redlock::lock {
namespace {

// Several releases in one round trip. Done when every node has answered each: nothing is known of what a node has.
class ManualReleaseOp final : public quorum::Operation {
 public:
  ManualReleaseOp(Driver& driver, const std::vector<quorum::ReleaseRequest>& releases) {
    for (const quorum::ReleaseRequest& release : releases)
      operations_.emplace_back(driver.membership(), release, driver.node_timeout(), driver.ids());
  }

  std::vector<quorum::Send> start(Now now) override {
    return each([&](quorum::ReleaseOp& operation) { return operation.start(now); });
  }
  std::vector<quorum::Send> on_reply(Now now, quorum::NodeIndex node, quorum::RequestId id,
                                     const quorum::Reply& reply) override {
    return each([&](quorum::ReleaseOp& operation) { return operation.on_reply(now, node, id, reply); });
  }
  std::vector<quorum::Send> on_time(Now) override { return {}; }
  TimePoint deadline() const override { return TimePoint::max(); }
  bool done() const override {
    return std::all_of(operations_.begin(), operations_.end(),
                       [](const quorum::ReleaseOp& operation) { return operation.settled(); });
  }

  const std::deque<quorum::ReleaseOp>& operations() const { return operations_; }

 private:
  template <class Function>
  std::vector<quorum::Send> each(Function function) {
    std::vector<quorum::Send> sends;
    for (quorum::ReleaseOp& operation : operations_) {
      std::vector<quorum::Send> more = function(operation);
      std::move(more.begin(), more.end(), std::back_inserter(sends));
    }
    return sends;
  }

  std::deque<quorum::ReleaseOp> operations_;  // which cannot be moved
};

}  // namespace

ManualExtension extend_by_hand(Driver& driver, const quorum::Token& token, std::chrono::milliseconds ttl) {
  const TimePoint asked = driver.now().boot;
  quorum::ExtendOp extension{
      {.ttl = ttl, .node_timeout = driver.node_timeout()}, token, driver.membership(), driver.ids()};
  driver.start(extension);
  driver.run(extension);
  ManualExtension extended{.verdict = *extension.verdict(), .troubles = {}};
  if (!std::holds_alternative<quorum::NoQuorum>(extended.verdict)) return extended;
  extended.troubles = report_troubles(driver, asked);
  for (quorum::NodeIndex node = 0; node < driver.size(); ++node) {
    if (!extension.lacks_info(node)) continue;
    extended.troubles.push_back(driver.nodes().endpoint(node).display() +
                                ": has the token, but not what redlock writes beside it: a lock of another "
                                "library is extended by that library");
  }
  return extended;
}

std::vector<ManualRelease> release_by_hand(Driver& driver,
                                           const std::vector<quorum::ReleaseRequest>& releases) {
  const TimePoint asked = driver.now().boot;
  ManualReleaseOp all{driver, releases};
  driver.start(all);
  driver.run(all);
  std::vector<ManualRelease> outcomes;
  for (const quorum::ReleaseOp& operation : all.operations()) {
    outcomes.push_back({.result = operation.result(),
                        .other = operation.other(),
                        .removed = operation.removed(),
                        .troubles = {}});
    if (outcomes.back().result == quorum::ReleaseResult::NoQuorum)
      outcomes.back().troubles = report_troubles(driver, asked);
  }
  return outcomes;
}

ManualRelease release_by_hand(Driver& driver, const quorum::ReleaseRequest& release) {
  return std::move(release_by_hand(driver, std::vector{release}).front());
}

}  // namespace redlock::lock
