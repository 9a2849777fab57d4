#include "redis/nodes.hpp"

#include "redis/link.hpp"
#include "redis/poller.hpp"
#include "redis/scripts.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

namespace redlock::redis {

class Nodes::Impl {
 public:
  Impl(std::vector<Endpoint> endpoints, LockSubject subject)
      : scripts_{subject.key, std::move(subject.holder)} {
    for (Endpoint& endpoint : endpoints)
      links_.emplace_back(links_.size(), std::move(endpoint), scripts_, events_);
    events_.reserve(2 * links_.size());
  }

  std::deque<Link>& links() noexcept { return links_; }
  const std::deque<Link>& links() const noexcept { return links_; }

  void wait(TimePoint until, std::span<const int> wake_fds, std::vector<Event>& events);

 private:
  void advance_due(TimePoint now);
  bool deliver(std::vector<Event>& events);

  Scripts scripts_;
  std::vector<Event> events_;  // happened, not yet told
  std::deque<Link> links_;     // refer to the two above; never moved
  Poller poller_;
  std::vector<std::size_t> ends_;  // in the poller: where each link's descriptors end
};

void Nodes::Impl::wait(TimePoint until, std::span<const int> wake_fds, std::vector<Event>& events) {
  for (;;) {
    const TimePoint now = BootClock::now();
    advance_due(now);
    if (deliver(events)) return;

    TimePoint next = until;
    for (const Link& link : links_) next = std::min(next, link.next_timer());
    if (next > now + Poller::kLongWait) {
      for (Link& link : links_) link.expect_idle(now);
    }
    poller_.clear();
    for (const int fd : wake_fds) poller_.add(fd, POLLIN);
    ends_.clear();
    for (const Link& link : links_) {
      link.watch(poller_);
      ends_.push_back(poller_.size());
    }
    poller_.wait(now, next);

    const TimePoint woken = BootClock::now();
    bool called = woken >= until;
    for (std::size_t i = 0; i < wake_fds.size(); ++i) called = called || poller_.ready(i);
    std::size_t index = wake_fds.size();
    for (std::size_t node = 0; node < links_.size(); ++node) {
      bool ready = false;
      for (; index < ends_[node]; ++index) ready = ready || poller_.ready(index);
      if (ready) links_[node].advance(woken);
    }
    if (deliver(events) || called) return;
  }
}

void Nodes::Impl::advance_due(TimePoint now) {
  for (Link& link : links_) {
    if (link.next_timer() <= now) link.advance(now);
  }
}

bool Nodes::Impl::deliver(std::vector<Event>& events) {
  if (events_.empty()) return false;
  std::move(events_.begin(), events_.end(), std::back_inserter(events));
  events_.clear();
  return true;
}

Nodes::Nodes(std::vector<Endpoint> endpoints, LockSubject subject)
    : impl_{std::make_unique<Impl>(std::move(endpoints), std::move(subject))} {
}
Nodes::~Nodes() = default;

std::size_t Nodes::size() const noexcept {
  return impl_->links().size();
}
const Endpoint& Nodes::endpoint(quorum::NodeIndex node) const {
  return impl_->links()[node].endpoint();
}

void Nodes::send(const quorum::Send& request) {
  impl_->links()[request.node].send(request, BootClock::now());
}

void Nodes::ask(const Query& query) {
  impl_->links()[query.node].ask(query, BootClock::now());
}

void Nodes::cancel_unsent(quorum::NodeIndex node) {
  impl_->links()[node].cancel_unsent();
}

bool Nodes::may_hold_key(quorum::NodeIndex node) const {
  return impl_->links()[node].may_hold_key();
}

void Nodes::wait(TimePoint until, std::span<const int> wake_fds, std::vector<Event>& events) {
  impl_->wait(until, wake_fds, events);
}

bool Nodes::written(quorum::NodeIndex node) const {
  return impl_->links()[node].written();
}

}  // namespace redlock::redis
