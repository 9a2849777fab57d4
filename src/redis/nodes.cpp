#include "redis/nodes.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace redlock::redis {
namespace {

// With nothing to do for so long, the kernel is to look after the connections.
constexpr std::chrono::seconds kIdle{1};

}  // namespace

Nodes::Nodes(std::vector<NodeEndpoint> endpoints, LockSubject subject, const net::Surroundings& surroundings,
             Duration node_timeout)
    : surroundings_{surroundings},
      scripts_{subject.lock_keys(), std::move(subject.holder)},
      subscriptions_(endpoints.size()) {
  for (NodeEndpoint& endpoint : endpoints)
    links_.emplace_back(links_.size(), std::move(endpoint), scripts_, events_, node_timeout, surroundings);
  for (const LockKeys& each : scripts_.keys()) keys_.push_back(each.lock);
  events_.reserve(2 * links_.size());
}

void Nodes::subscribe(quorum::NodeIndex node, SubscriptionMode mode, const std::string& channel,
                      Duration timeout) {
  auto& subscription = subscriptions_[node];
  if (!subscription) {
    subscription = std::make_unique<Subscription>(SubscriptionTarget{.node = node,
                                                                     .endpoint = links_[node].endpoint(),
                                                                     .keys = keys_,
                                                                     .channel = channel,
                                                                     .timeout = timeout},
                                                  surroundings_, events_);
  }
  subscription->set_mode(mode);
}

void Nodes::unsubscribe() {
  for (auto& subscription : subscriptions_) subscription.reset();
}

bool Nodes::written(quorum::NodeIndex node) const {
  return links_[node].written() &&
         std::none_of(events_.begin(), events_.end(), [&](const Event& event) { return event.node == node; });
}

std::optional<int> Nodes::wait(TimePoint until, std::span<const int> wake_fds, std::vector<Event>& events) {
  for (;;) {
    const TimePoint now = this->now();
    advance_due(now);
    if (deliver(events)) return std::nullopt;

    const TimePoint next = std::min(until, next_timer());
    if (next > now + kIdle) {
      for (Link& link : links_) link.expect_idle(now);
    }
    watch(wake_fds);
    surroundings_.network.poll(poller_, now, next);

    const TimePoint woken = this->now();
    std::optional<int> woken_by;
    for (std::size_t i = 0; i < wake_fds.size(); ++i) {
      if (poller_.ready(i)) woken_by = wake_fds[i];
    }
    advance_ready(wake_fds, woken);
    advance_due(woken);  // whoever waits until then wants to know of what was due then
    if (deliver(events) || woken_by || woken >= until) return woken_by;
  }
}

TimePoint Nodes::next_timer() const {
  TimePoint next = TimePoint::max();
  for (const Link& link : links_) next = std::min(next, link.next_timer());
  for (const auto& subscription : subscriptions_) {
    if (subscription) next = std::min(next, subscription->next_timer());
  }
  return next;
}

void Nodes::watch(std::span<const int> wake_fds) {
  poller_.clear();
  for (const int fd : wake_fds) poller_.add(fd, POLLIN);
  ends_.clear();
  for (const Link& link : links_) {
    link.watch(poller_);
    ends_.push_back(poller_.size());
  }
  for (const auto& subscription : subscriptions_) {
    if (subscription) subscription->watch(poller_);
    ends_.push_back(poller_.size());
  }
}

void Nodes::advance_ready(std::span<const int> wake_fds, TimePoint now) {
  std::size_t index = wake_fds.size();
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    bool ready = false;
    for (; index < ends_[i]; ++index) ready = ready || poller_.ready(index);
    if (!ready) continue;
    if (i < links_.size()) {
      links_[i].advance(now);
    } else if (Subscription* subscription = subscriptions_[i - links_.size()].get();
               subscription != nullptr) {
      subscription->advance(now);
    }
  }
}

void Nodes::advance_due(TimePoint now) {
  for (Link& link : links_) {
    if (link.next_timer() <= now) link.advance(now);
  }
  for (const auto& subscription : subscriptions_) {
    if (subscription && subscription->next_timer() <= now) subscription->advance(now);
  }
}

bool Nodes::deliver(std::vector<Event>& events) {
  if (events_.empty()) return false;
  std::move(events_.begin(), events_.end(), std::back_inserter(events));
  events_.clear();
  return true;
}

}  // namespace redlock::redis
