#include "redis/nodes.hpp"

#include "redis/link.hpp"
#include "redis/scripts.hpp"
#include "redis/subscription.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

namespace redlock::redis {
namespace {

// With nothing to do for so long, the kernel is to look after the connections.
constexpr std::chrono::seconds kIdle{1};

}  // namespace

class Nodes::Impl {
 public:
  Impl(std::vector<NodeEndpoint> endpoints, LockSubject subject, const net::Surroundings& surroundings,
       Duration node_timeout)
      : surroundings_{surroundings},
        key_{std::move(subject.key)},
        scripts_{key_, std::move(subject.holder)},
        subscriptions_(endpoints.size()) {
    for (NodeEndpoint& endpoint : endpoints)
      links_.emplace_back(links_.size(), std::move(endpoint), scripts_, events_, node_timeout, surroundings);
    events_.reserve(2 * links_.size());
  }

  TimePoint now() const { return surroundings_.clock.boot_now(); }

  std::deque<Link>& links() noexcept { return links_; }
  const std::deque<Link>& links() const noexcept { return links_; }

  bool untold(quorum::NodeIndex node) const {
    return std::any_of(events_.begin(), events_.end(),
                       [&](const Event& event) { return event.node == node; });
  }

  void subscribe(quorum::NodeIndex node, SubscriptionMode mode, const std::string& channel,
                 Duration timeout) {
    auto& subscription = subscriptions_[node];
    if (!subscription) {
      subscription = std::make_unique<Subscription>(Subscription::Target{.node = node,
                                                                         .endpoint = links_[node].endpoint(),
                                                                         .key = key_,
                                                                         .channel = channel,
                                                                         .timeout = timeout},
                                                    surroundings_, events_);
    }
    subscription->set_mode(mode);
  }
  void unsubscribe() noexcept {
    for (auto& subscription : subscriptions_) subscription.reset();
  }

  std::optional<int> wait(TimePoint until, std::span<const int> wake_fds, std::vector<Event>& events);

 private:
  void advance_due(TimePoint now);
  TimePoint next_timer() const;
  void watch(std::span<const int> wake_fds);
  void advance_ready(std::span<const int> wake_fds, TimePoint now);
  bool deliver(std::vector<Event>& events);

  net::Surroundings surroundings_;
  std::string key_;
  Scripts scripts_;
  std::vector<Event> events_;  // happened, not yet told
  std::deque<Link> links_;     // refer to those above; never moved
  std::vector<std::unique_ptr<Subscription>>
      subscriptions_;  // by node; empty: none wanted. Refer to the same, and to the links
  net::Poller poller_;
  std::vector<std::size_t> ends_;  // in the poller: where each link's descriptors end
};

std::optional<int> Nodes::Impl::wait(TimePoint until, std::span<const int> wake_fds,
                                     std::vector<Event>& events) {
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

TimePoint Nodes::Impl::next_timer() const {
  TimePoint next = TimePoint::max();
  for (const Link& link : links_) next = std::min(next, link.next_timer());
  for (const auto& subscription : subscriptions_) {
    if (subscription) next = std::min(next, subscription->next_timer());
  }
  return next;
}

void Nodes::Impl::watch(std::span<const int> wake_fds) {
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

void Nodes::Impl::advance_ready(std::span<const int> wake_fds, TimePoint now) {
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

void Nodes::Impl::advance_due(TimePoint now) {
  for (Link& link : links_) {
    if (link.next_timer() <= now) link.advance(now);
  }
  for (const auto& subscription : subscriptions_) {
    if (subscription && subscription->next_timer() <= now) subscription->advance(now);
  }
}

bool Nodes::Impl::deliver(std::vector<Event>& events) {
  if (events_.empty()) return false;
  std::move(events_.begin(), events_.end(), std::back_inserter(events));
  events_.clear();
  return true;
}

Nodes::Nodes(std::vector<NodeEndpoint> endpoints, LockSubject subject, const net::Surroundings& surroundings,
             Duration node_timeout)
    : impl_{std::make_unique<Impl>(std::move(endpoints), std::move(subject), surroundings, node_timeout)} {
}
Nodes::~Nodes() = default;

std::size_t Nodes::size() const noexcept {
  return impl_->links().size();
}
const NodeEndpoint& Nodes::endpoint(quorum::NodeIndex node) const {
  return impl_->links()[node].endpoint();
}

void Nodes::send(const quorum::Send& request) {
  impl_->links()[request.node].send(request, impl_->now());
}

void Nodes::ask(const Query& query) {
  impl_->links()[query.node].ask(query, impl_->now());
}

void Nodes::cancel_unsent(quorum::NodeIndex node) {
  impl_->links()[node].cancel_unsent();
}

bool Nodes::may_hold_key(quorum::NodeIndex node) const {
  return impl_->links()[node].may_hold_key();
}

void Nodes::subscribe(quorum::NodeIndex node, SubscriptionMode mode, const std::string& channel,
                      Duration timeout) {
  impl_->subscribe(node, mode, channel, timeout);
}

void Nodes::unsubscribe() {
  impl_->unsubscribe();
}

bool Nodes::reached(quorum::NodeIndex node) const {
  return impl_->links()[node].reached();
}

bool Nodes::recovering(quorum::NodeIndex node) const {
  return impl_->links()[node].recovering();
}

std::optional<int> Nodes::wait(TimePoint until, std::span<const int> wake_fds, std::vector<Event>& events) {
  return impl_->wait(until, wake_fds, events);
}

std::string_view Nodes::waits_for(quorum::NodeIndex node) const {
  return impl_->links()[node].waits_for();
}

bool Nodes::written(quorum::NodeIndex node) const {
  return impl_->links()[node].written() && !impl_->untold(node);
}

}  // namespace redlock::redis
