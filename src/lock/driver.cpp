#include "lock/driver.hpp"

#include "redis/node_error.hpp"

#include <algorithm>
#include <utility>

namespace redlock::lock {

Driver::Driver(DriverOptions options)
    : surroundings_{options.surroundings},
      node_timeout_{options.node_timeout},
      keys_{options.subject.lock_keys()},
      nodes_{std::move(options.nodes), std::move(options.subject), options.surroundings,
             options.node_timeout},
      membership_{nodes_.size(), options.restart_quarantine, redis::in_one_slot(keys_)},
      queue_{keys_, nodes_.size()},
      monitor_{nodes_, membership_, options.node_timeout, options.observer} {
}

void Driver::start(quorum::Operation& operation) {
  carry_out(&operation, operation.start(now()));
}

std::optional<int> Driver::run(quorum::Operation& operation, TimePoint until, std::span<const int> wake_fds) {
  std::optional<int> woken;
  while (!operation.done() && !woken && now().boot < until) woken = turn(operation, until, wake_fds);
  return woken;
}

std::optional<int> Driver::turn(quorum::Operation& operation, TimePoint until,
                                std::span<const int> wake_fds) {
  return step(&operation, until, wake_fds);
}

std::optional<int> Driver::turn(TimePoint until, std::span<const int> wake_fds) {
  return step(nullptr, until, wake_fds);
}

void Driver::send(const std::vector<quorum::Send>& sends) {
  carry_out(nullptr, sends);
}

std::optional<int> Driver::step(quorum::Operation* operation, TimePoint until,
                                std::span<const int> wake_fds) {
  until = std::min({until, releases_.deadline(), monitor_.deadline()});
  if (operation != nullptr) until = std::min(until, operation->deadline());
  events_.clear();
  const auto woken = nodes_.wait(until, wake_fds, events_);
  for (redis::Event& event : events_) take(operation, event);

  const auto due = releases_.on_time(now());
  for (const quorum::Send& release : due.again) nodes_.send(release);
  for (const auto& expired : due.expired) fail(operation, expired.node, expired.id, expired.failure);
  if (operation != nullptr) carry_out(operation, operation->on_time(now()));
  monitor_.on_time(now().boot);
  return woken;
}

void Driver::take(quorum::Operation* operation, redis::Event& event) {
  const quorum::NodeIndex node = event.node;
  if (const auto* identity = std::get_if<quorum::Identity>(&event.what)) {
    membership_.on_identity(now(), node, *identity);
    return;
  }
  if ((listener_ && listener_(event)) || queue_.take(event)) return;
  if (const auto* reply = std::get_if<quorum::Reply>(&event.what)) {
    releases_.on_reply(event.id);
    queue_.on_reply(node, event.id, *reply);
    monitor_.on_reply(node, *reply);
    if (operation != nullptr) carry_out(operation, operation->on_reply(now(), node, event.id, *reply));
  } else if (const auto* failure = std::get_if<quorum::Failure>(&event.what)) {
    monitor_.on_failure(node, *failure);
    if (!releases_.on_failure(now(), event.id, *failure)) fail(operation, node, event.id, *failure);
  }
}

void Driver::fail(quorum::Operation* operation, quorum::NodeIndex node, quorum::RequestId id,
                  const quorum::Failure& failure) {
  if (operation != nullptr) carry_out(operation, operation->on_reply(now(), node, id, failure));
}

void Driver::carry_out(quorum::Operation* operation, const std::vector<quorum::Send>& sends) {
  for (const quorum::Send& send : sends) {
    if (const auto* release = std::get_if<quorum::ReleaseRequest>(&send.request)) {
      // A request that has not been written yet need not be written only to be released.
      nodes_.cancel_unsent(send.node);
      if (!release->by_hand() && !nodes_.may_hold_key(send.node)) {
        fail(operation, send.node, send.id, redis::node_failure(redis::NodeError::Cancelled));
        continue;
      }
      releases_.add(send);
    }
    queue_.on_sent(send);
    monitor_.on_sent(now().boot, send);
    nodes_.send(send);
  }
}

void Driver::leave_queue() {
  for (const redis::Query& query : queue_.leave(nodes_, ids_, now().boot + node_timeout_)) nodes_.ask(query);
}

bool Driver::owes(quorum::NodeIndex node) const {
  return releases_.owes(node) || queue_.owes(node);
}

bool Driver::is_written(quorum::NodeIndex node) const {
  return nodes_.written(node) && !releases_.pauses(node) && !nodes_.recovering(node);
}

}  // namespace redlock::lock
