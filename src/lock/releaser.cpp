#include "lock/releaser.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace redlock::lock {
namespace {

// A dozen tries, however long node_timeout is: a node that closes each connection would be waited for in vain.
constexpr Duration kForStragglers = std::chrono::seconds{1};

}  // namespace

Releaser::Releaser(Driver& driver, const quorum::ReleaseRequest& release)
    : driver_{driver}, operation_{driver.membership(), release, driver.node_timeout(), driver.ids()} {
}

void Releaser::begin() {
  if (until_) return;
  driver_.start(operation_);
  until_ = driver_.now().boot +
           driver_.node_timeout();  // no earlier than the requests' own deadlines: they say why
}

quorum::ReleaseResult Releaser::finish() {
  begin();
  driver_.nodes().unsubscribe();
  wait();
  // Most often the grant has already taken us out of each queue, and its answer has come before that to the release.
  driver_.leave_queue();
  wait();
  return operation_.result();
}

void Releaser::wait() {
  bool had_quorum = false;
  while (driver_.now().boot < *until_) {
    if (operation_.done()) {
      if (stragglers_are_served()) return;
      if (!std::exchange(had_quorum, true)) until_ = std::min(*until_, driver_.now().boot + kForStragglers);
    }
    driver_.turn(operation_, *until_);
  }
}

bool Releaser::stragglers_are_served() const {
  for (quorum::NodeIndex node = 0; node < driver_.size(); ++node) {
    if (driver_.owes(node) && !driver_.is_written(node)) return false;
  }
  return true;
}

}  // namespace redlock::lock
