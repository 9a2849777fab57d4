#include "lock/session.hpp"

#include "base/log.hpp"
#include "lock/report.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::lock {
Session::Session(SessionOptions options)
    : surroundings_{options.surroundings},
      observer_{options.observer},
      node_timeout_{options.node_timeout},
      nodes_{std::move(options.nodes), options.subject, options.surroundings, options.node_timeout},
      membership_{nodes_.size(), options.restart_quarantine},
      key_{std::move(options.subject.key)},
      heard_(nodes_.size()),
      looks_(nodes_.size()),
      in_line_(nodes_.size()),
      leaving_(nodes_.size()),
      responsive_(nodes_.size()),
      down_(nodes_.size()),
      extending_since_(nodes_.size()),
      warned_(nodes_.size()),
      failures_(nodes_.size()) {
}

bool Session::any_readable(std::span<const int> fds) const {
  return net::any_readable(surroundings_.network, fds);
}

void Session::dispatch(const std::vector<quorum::Send>& sends) {
  for (const quorum::Send& send : sends) {
    if (std::holds_alternative<quorum::ReleaseRequest>(send.request)) {
      hand_over_release(send);
      continue;
    }
    if (std::holds_alternative<quorum::ExtendRequest>(send.request) && !extending_since_[send.node])
      extending_since_[send.node] = surroundings_.clock.boot_now();
    const auto* acquire = std::get_if<quorum::AcquireRequest>(&send.request);
    if (acquire != nullptr && acquire->waiter) {
      waiter_ = acquire->waiter;
      in_line_[send.node] = true;
    }
    nodes_.send(send);
  }
}

// What has not been written yet need not be written and released again; and a node that no request has reached has
// nothing to release.
void Session::hand_over_release(const quorum::Send& send) {
  nodes_.cancel_unsent(send.node);
  if (!by_hand_ && !nodes_.may_hold_key(send.node)) return;
  owed_.add(send);
  nodes_.send(send);
}

void Session::take_identity(const redis::Event& event) {
  membership_.on_identity(surroundings_.clock.now(), event.node, std::get<quorum::Identity>(event.what));
  if (membership_.anonymous(event.node) && !warned_[event.node]) {
    warned_[event.node] = true;
    log::warning(
        fmt::format("{}: INFO or ROLE is forbidden: cannot tell whether it restarted lately. Permit both to "
                    "redlock's user",
                    nodes_.endpoint(event.node).display()));
  }
}

void Session::note_failure(quorum::NodeIndex node, const quorum::Failure& failure) {
  if (failure.kind == redis::NodeError::Cancelled) return;
  extending_since_[node].reset();
  const bool news = !down_[node] && observer_ != nullptr;
  down_[node] = true;
  if (!news && !log::enabled(log::Level::Debug)) return;
  const redis::NodeEndpoint& endpoint = nodes_.endpoint(node);
  const std::string why = redis::describe(failure, endpoint);
  log::debug(fmt::format("{}: {}", endpoint.display(), why));
  if (news) observer_->node_down(endpoint.display(), why);
}

void Session::note_answer(quorum::NodeIndex node) {
  extending_since_[node].reset();
  if (!down_[node]) return;
  down_[node] = false;
  if (observer_ != nullptr) observer_->node_up(nodes_.endpoint(node).display());
}

void Session::fail(quorum::Operation& operation, quorum::NodeIndex node, quorum::RequestId id,
                   const quorum::Failure& failure) {
  failures_[node] = failure;
  dispatch(operation.on_failure(surroundings_.clock.now(), node, id, failure));
}

// Of an attempt that was won without it.
void Session::take_late_vote(const redis::Event& event) {
  if (!attempt_ || !attempt_->awaits_votes()) return;
  const Now now = surroundings_.clock.now();
  if (const auto* reply = std::get_if<quorum::Reply>(&event.what)) {
    dispatch(attempt_->on_reply(now, event.node, event.id, *reply));
  } else if (const auto* failure = std::get_if<quorum::Failure>(&event.what)) {
    dispatch(attempt_->on_failure(now, event.node, event.id, *failure));
  }
}

// Those whose time has come; or whose time is over, which is their outcome.
void Session::repeat_releases(quorum::Operation& operation) {
  const auto due = owed_.on_time(surroundings_.clock.now());
  for (const quorum::Send& release : due.again) nodes_.send(release);
  for (const auto& expired : due.expired) fail(operation, expired.node, expired.id, expired.failure);
}

// An extension may be answered for as long as validity lasts; but a node that takes longer than node_timeout is told as one
// that is down.
TimePoint Session::next_overdue() const {
  TimePoint next = TimePoint::max();
  for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (extending_since_[node] && !down_[node])
      next = std::min(next, *extending_since_[node] + node_timeout_);
  }
  return next;
}

void Session::note_overdue() {
  const TimePoint now = surroundings_.clock.boot_now();
  for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (down_[node] || !extending_since_[node] || now < *extending_since_[node] + node_timeout_) continue;
    note_failure(node, redis::node_failure(redis::NodeError::TimedOut, std::string{nodes_.waits_for(node)}));
  }
}

// Waits once and hands what happened to the core; sends what the core wants sent.
void Session::turn(quorum::Operation& operation, TimePoint until, std::span<const int> wake_fds) {
  events_.clear();
  nodes_.wait(std::min(until, owed_.deadline()), wake_fds, events_);
  for (const redis::Event& event : events_) {
    if (std::holds_alternative<quorum::Identity>(event.what)) {
      take_identity(event);
      continue;
    }
    if (take_hearsay(event)) continue;
    take_late_vote(event);
    const Now now = surroundings_.clock.now();
    if (const auto* reply = std::get_if<quorum::Reply>(&event.what)) {
      responsive_[event.node] = true;
      owed_.on_reply(event.id);
      if (std::holds_alternative<quorum::Granted>(*reply)) in_line_[event.node] = false;
      if (vigil_) vigil_->on_late_answer(event.node);  // while an attempt goes on, that is no news
      failures_[event.node].reset();
      note_answer(event.node);
      dispatch(operation.on_reply(now, event.node, event.id, *reply));
    } else {
      const auto& failure = std::get<quorum::Failure>(event.what);
      note_failure(event.node, failure);
      if (redis::is_answer(failure)) responsive_[event.node] = true;
      if (!owed_.on_failure(now, event.id, failure)) fail(operation, event.node, event.id, failure);
    }
  }
  repeat_releases(operation);
  dispatch(operation.on_time(surroundings_.clock.now()));
}

quorum::AcquireVerdict Session::attempt(const quorum::AcquireRules& rules, std::span<const int> wake_fds) {
  quorum::AcquireOp& acquisition = attempt_.emplace(rules, membership_, ids_, surroundings_.entropy);
  std::fill(responsive_.begin(), responsive_.end(), false);
  std::fill(heard_.begin(), heard_.end(), 0U);
  attempt_began_ = surroundings_.clock.boot_now();
  nodes_.nap({});
  dispatch(acquisition.start(surroundings_.clock.now()));
  while (!acquisition.verdict()) {
    if (any_readable(wake_fds)) {
      dispatch(acquisition.cancel(surroundings_.clock.now()));
      break;
    }
    turn(acquisition, acquisition.deadline(), wake_fds);
  }
  attempt_took_ = surroundings_.clock.boot_now() - attempt_began_;
  if (std::holds_alternative<quorum::Held>(*acquisition.verdict()))
    round_trip_ = std::min(round_trip_, attempt_took_);
  return *acquisition.verdict();
}

std::vector<std::string> Session::reports(bool only_troubled) const {
  if (!attempt_) return {};
  return report_votes(attempt_->votes(), membership_, nodes_, only_troubled);
}

// All that the node is still to be told is in its socket, and there is no sign that nobody reads that.
bool Session::is_written(quorum::NodeIndex node) const {
  return nodes_.written(node) && !owed_.pauses(node) && !nodes_.recovering(node);
}

// Every release that is under way is answered; or its node has not answered anything, but has the release in
// its socket.
bool Session::releases_are_safe() const {
  for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (!owed_.owes(node) && leaving_[node] == 0) continue;
    if (responsive_[node] || !is_written(node)) return false;
  }
  return true;
}

// The same when a quorum has answered: then those that hang are not waited for, though they have answered before. By hand
// all are, since a key or a note may be owed to each, and nothing is known of any.
bool Session::stragglers_are_safe() const {
  for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (!owed_.owes(node) && leaving_[node] == 0) continue;
    if (by_hand_ || !is_written(node)) return false;
  }
  return true;
}

void Session::settle() {
  leave_line();
  const TimePoint now = surroundings_.clock.boot_now();
  const TimePoint until = now + node_timeout_;
  const TimePoint last_vote = now + std::min(attempt_took_, node_timeout_);
  while (attempt_ && attempt_->awaits_votes() && surroundings_.clock.boot_now() < last_vote)
    rest(last_vote, {});
  while (attempt_ && !releases_are_safe() && surroundings_.clock.boot_now() < until) rest(until, {});
}

void Session::begin_release(const quorum::Token& token) {
  begin_giving_back(
      giving_back_.emplace(membership_, quorum::ReleaseRequest{.token = token}, node_timeout_, ids_));
}

quorum::ReleaseResult Session::release(const quorum::Token& token) {
  if (!giving_back_) begin_release(token);
  finish_giving_back(*giving_back_);
  return giving_back_->result();
}

void Session::begin_by_hand() {
  by_hand_ = true;
  asked_by_hand_ = surroundings_.clock.boot_now();
  std::fill(failures_.begin(), failures_.end(), std::nullopt);
}

Session::GivenBack Session::release_by_hand(const quorum::Token& token, std::chrono::milliseconds ttl) {
  begin_by_hand();
  quorum::ReleaseOp releasing{membership_, {.token = token, .note = ttl}, node_timeout_, ids_};
  begin_giving_back(releasing);
  finish_giving_back(releasing);
  return {.result = releasing.result(), .other = releasing.other()};
}

quorum::ExtendVerdict Session::extend_by_hand(const quorum::Token& token, std::chrono::milliseconds ttl) {
  begin_by_hand();
  quorum::ExtendOp extension{{.ttl = ttl, .node_timeout = node_timeout_}, token, membership_, ids_};
  dispatch(extension.start(surroundings_.clock.now()));
  while (!extension.done()) turn(extension, extension.deadline(), {});
  return *extension.verdict();
}

std::vector<std::string> Session::troubles() const {
  return report_troubles(failures_, asked_by_hand_, membership_, nodes_);
}

void Session::begin_giving_back(quorum::ReleaseOp& releasing) {
  std::fill(responsive_.begin(), responsive_.end(), false);
  const auto sends = releasing.start(surroundings_.clock.now());
  give_back_until_ =
      surroundings_.clock.boot_now() + node_timeout_;  // no earlier than the requests' own: they say why
  dispatch(sends);
  for (const quorum::Send& send : sends) {  // those that no request ever reached
    if (!owed_.contains(send.id)) releasing.on_failure(surroundings_.clock.now(), send.node, send.id, {});
  }
}

void Session::finish_giving_back(quorum::ReleaseOp& releasing) {
  nodes_.stop_listening();
  const auto finish = [&] {
    while (!(releasing.done() && stragglers_are_safe()) &&
           surroundings_.clock.boot_now() < give_back_until_) {
      turn(releasing, give_back_until_, {});
    }
  };
  finish();
  // Where the last request was granted, as most often, the node has taken us out of the line; its answer comes before
  // that to the release.
  leave_line();
  finish();
}

// An attempt refuses that; but the second of the two may say who it is only after the quorum-th vote.
void Session::warn_of_same_server() {
  const auto same = membership_.duplicate();
  if (!same || std::exchange(warned_of_same_server_, true)) return;
  log::warning(fmt::format("nodes {} and {} are one and the same server: name each server once",
                           nodes_.endpoint(same->first).display(), nodes_.endpoint(same->second).display()));
}

std::optional<quorum::Loss> Session::keep(const quorum::LeaseRules& rules, const quorum::Won& won,
                                          std::span<const int> wake_fds,
                                          const std::function<void(TimePoint)>& on_extended) {
  nodes_.stop_listening();  // here, where nobody waits for it
  quorum::Lease lease{rules, membership_, won, ids_, surroundings_.entropy};
  dispatch(lease.start(surroundings_.clock.now()));
  TimePoint valid_until = lease.valid_until();
  unsigned failures = 0;
  while (!lease.lost()) {
    turn(lease, std::min(lease.deadline(), next_overdue()), wake_fds);
    note_overdue();
    warn_of_same_server();
    if (lease.valid_until() != valid_until) {
      valid_until = lease.valid_until();
      on_extended(valid_until);
      if (observer_ != nullptr) observer_->extended(valid_until);
    }
    if (lease.failures_in_a_row() > failures && observer_ != nullptr) {
      observer_->extend_failed(lease.failures_in_a_row(), valid_until);
    }
    failures = lease.failures_in_a_row();
    if (any_readable(wake_fds)) return std::nullopt;
  }
  return lease.lost();
}

// After an attempt, whose releases may still be under way. Until something happens.
void Session::rest(TimePoint until, std::span<const int> wake_fds) {
  turn(*attempt_, until, wake_fds);
}

bool Session::sleep(TimePoint until, std::span<const int> wake_fds) {
  while (surroundings_.clock.boot_now() < until) {
    if (any_readable(wake_fds)) return true;
    rest(until, wake_fds);
  }
  return any_readable(wake_fds);
}

}  // namespace redlock::lock
