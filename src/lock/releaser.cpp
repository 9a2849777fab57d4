#include "lock/releaser.hpp"

namespace redlock::lock {

Releaser::Releaser(Driver& driver, const quorum::ReleaseRequest& release)
    : driver_{driver},
      by_hand_{release.by_hand()},
      operation_{driver.membership(), release, driver.node_timeout(), driver.ids()} {
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
  const auto wait = [&] {
    while (!(operation_.done() && stragglers_are_served()) && driver_.now().boot < *until_) {
      driver_.turn(operation_, *until_);
    }
  };
  wait();
  // Most often the grant has already taken us out of each queue, and its answer has come before that to the release.
  driver_.leave_queue();
  wait();
  return operation_.result();
}

// By hand, nothing is known of what a node has, so each must answer.
bool Releaser::stragglers_are_served() const {
  for (quorum::NodeIndex node = 0; node < driver_.size(); ++node) {
    if (driver_.owes(node) && (by_hand_ || !driver_.is_written(node))) return false;
  }
  return true;
}

}  // namespace redlock::lock
