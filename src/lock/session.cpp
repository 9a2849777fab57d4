#include "lock/session.hpp"

#include "base/log.hpp"
#include "lock/report.hpp"
#include "redis/describe.hpp"

#include <fmt/format.h>

#include <poll.h>

#include <algorithm>
#include <utility>

namespace redlock::lock {
Session::Session(SessionOptions options)
    : observer_{options.observer},
      node_timeout_{options.node_timeout},
      nodes_{std::move(options.nodes), options.subject},
      electorate_{nodes_.size(), options.restart_quarantine},
      key_{std::move(options.subject.key)},
      heard_(nodes_.size()),
      looks_(nodes_.size()),
      in_line_(nodes_.size()),
      leaving_(nodes_.size()),
      releasing_(nodes_.size()),
      responsive_(nodes_.size()),
      down_(nodes_.size()),
      warned_(nodes_.size()),
      failures_(nodes_.size()) {
}

bool Session::any_readable(std::span<const int> fds) {
  return std::any_of(fds.begin(), fds.end(), [](int fd) {
    pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&wanted, 1, 0) == 1;
  });
}

void Session::dispatch(const std::vector<quorum::Send>& sends) {
  for (const quorum::Send& send : sends) {
    if (std::holds_alternative<quorum::Release>(send.request)) {
      // What has not been written yet need not be written and released again; and a node that no request has
      // reached has nothing to release.
      nodes_.cancel_unsent(send.node);
      if (!by_hand_ && !nodes_.may_hold_key(send.node)) continue;
      releasing_[send.node] = send.id;
    }
    const auto* acquire = std::get_if<quorum::Acquire>(&send.request);
    if (acquire != nullptr && acquire->waiter) {
      waiter_ = acquire->waiter;
      in_line_[send.node] = true;
    }
    nodes_.send(send);
  }
}

void Session::take_identity(const redis::Event& event) {
  electorate_.on_identity(read_clocks(), event.node, std::get<quorum::Identity>(event.what));
  if (electorate_.anonymous(event.node) && !warned_[event.node]) {
    warned_[event.node] = true;
    log::warning(
        fmt::format("{}: INFO or ROLE is forbidden: cannot tell whether it restarted lately. Permit both to "
                    "redlock's user",
                    nodes_.endpoint(event.node).display()));
  }
}

void Session::note_failure(quorum::NodeIndex node, const quorum::Failure& failure) {
  if (failure.kind == quorum::Failure::Kind::Cancelled) return;
  const bool news = !down_[node] && observer_ != nullptr;
  down_[node] = true;
  if (!news && !log::enabled(log::Level::Debug)) return;
  const redis::Endpoint& endpoint = nodes_.endpoint(node);
  const std::string why = redis::describe(failure, endpoint);
  log::debug(fmt::format("{}: {}", endpoint.display(), why));
  if (news) observer_->node_down(endpoint.display(), why);
}

void Session::note_answer(quorum::NodeIndex node) {
  if (!down_[node]) return;
  down_[node] = false;
  if (observer_ != nullptr) observer_->node_up(nodes_.endpoint(node).display());
}

// Waits once and hands what happened to the core; sends what the core wants sent.
template <class Core>
void Session::turn(Core& core, TimePoint until, std::span<const int> wake_fds) {
  events_.clear();
  nodes_.wait(until, wake_fds, events_);
  for (const redis::Event& event : events_) {
    if (std::holds_alternative<quorum::Identity>(event.what)) {
      take_identity(event);
      continue;
    }
    if (take_hearsay(event)) continue;
    const Now now = read_clocks();
    if (releasing_[event.node] == event.id) releasing_[event.node] = 0;
    if (const auto* reply = std::get_if<quorum::Reply>(&event.what)) {
      responsive_[event.node] = true;
      if (std::holds_alternative<quorum::Granted>(*reply)) in_line_[event.node] = false;
      if (vigil_) vigil_->on_late_answer(event.node);  // while an attempt goes on, that is no news
      failures_[event.node].reset();
      note_answer(event.node);
      dispatch(core.on_reply(now, event.node, event.id, *reply));
    } else {
      const auto& failure = std::get<quorum::Failure>(event.what);
      note_failure(event.node, failure);
      failures_[event.node] = failure;
      dispatch(core.on_failure(now, event.node, event.id, failure));
    }
  }
  dispatch(core.on_time(read_clocks()));
}

namespace {

// Releasing has no timers and no requests but the first.
struct ReleasingCore {
  quorum::Releasing& releasing;
  explicit ReleasingCore(quorum::Releasing& core) : releasing{core} {}
  std::vector<quorum::Send> on_reply(Now, quorum::NodeIndex node, quorum::RequestId id,
                                     const quorum::Reply& reply) {
    releasing.on_reply(node, id, reply);
    return {};
  }
  std::vector<quorum::Send> on_failure(Now, quorum::NodeIndex node, quorum::RequestId id,
                                       const quorum::Failure& failure) {
    return releasing.on_failure(node, id, failure);
  }
  std::vector<quorum::Send> on_time(Now) { return {}; }
};

}  // namespace

quorum::Verdict Session::attempt(const quorum::AcquireRules& rules, std::span<const int> wake_fds) {
  quorum::Acquisition& acquisition = attempt_.emplace(rules, electorate_, ids_, entropy_);
  std::fill(responsive_.begin(), responsive_.end(), false);
  std::fill(heard_.begin(), heard_.end(), 0U);
  attempt_began_ = BootClock::now();
  nodes_.nap({});
  dispatch(acquisition.start(read_clocks()));
  while (!acquisition.verdict()) {
    if (any_readable(wake_fds)) {
      dispatch(acquisition.cancel(read_clocks()));
      break;
    }
    turn(acquisition, acquisition.deadline(), wake_fds);
  }
  if (std::holds_alternative<quorum::Held>(*acquisition.verdict())) {
    flight_ = std::min(flight_, BootClock::now() - attempt_began_);
  }
  return *acquisition.verdict();
}

std::vector<std::string> Session::reports(bool only_troubled) const {
  if (!attempt_) return {};
  return report_ballots(attempt_->ballots(), electorate_, nodes_, only_troubled);
}

// Every release that is under way is answered; or its node has not answered anything, but has the release in
// its socket.
bool Session::releases_are_safe() const {
  for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (releasing_[node] == 0 && leaving_[node] == 0) continue;
    if (responsive_[node] || !nodes_.written(node)) return false;
  }
  return true;
}

void Session::settle() {
  leave_line();
  const TimePoint until = BootClock::now() + node_timeout_;
  while (attempt_ && !releases_are_safe() && BootClock::now() < until) rest(until, {});
}

void Session::begin_release(const quorum::Token& token) {
  begin_giving_back(giving_back_.emplace(nodes_.size(), token, ids_));
}

quorum::Releasing::Result Session::release(const quorum::Token& token) {
  if (!giving_back_) begin_release(token);
  finish_giving_back(*giving_back_);
  return giving_back_->result();
}

void Session::begin_by_hand() {
  by_hand_ = true;
  asked_by_hand_ = BootClock::now();
  std::fill(failures_.begin(), failures_.end(), std::nullopt);
}

Session::GivenBack Session::release_by_hand(const quorum::Token& token) {
  begin_by_hand();
  quorum::Releasing releasing{nodes_.size(), token, ids_, true};
  begin_giving_back(releasing);
  finish_giving_back(releasing);
  return {.result = releasing.result(), .other = releasing.other()};
}

quorum::Extension::Verdict Session::extend_by_hand(const quorum::Token& token,
                                                   std::chrono::milliseconds ttl) {
  begin_by_hand();
  quorum::Extension extension{{.ttl = ttl, .node_timeout = node_timeout_}, token, electorate_, ids_};
  dispatch(extension.start(read_clocks()));
  while (!extension.done()) turn(extension, extension.deadline(), {});
  return *extension.verdict();
}

std::vector<std::string> Session::troubles() const {
  return report_troubles(failures_, asked_by_hand_, electorate_, nodes_);
}

void Session::begin_giving_back(quorum::Releasing& releasing) {
  std::fill(responsive_.begin(), responsive_.end(), false);
  const auto sends = releasing.start(read_clocks(), node_timeout_);
  give_back_until_ = BootClock::now() + node_timeout_;  // no earlier than the requests' own: they say why
  dispatch(sends);
  for (const quorum::Send& send : sends) {  // those that no request ever reached
    if (releasing_[send.node] != send.id) releasing.on_failure(send.node, send.id);
  }
}

void Session::finish_giving_back(quorum::Releasing& releasing) {
  nodes_.stop_listening();
  ReleasingCore core{releasing};
  const auto all_written = [&] {
    for (quorum::NodeIndex node = 0; node < nodes_.size(); ++node) {
      if ((releasing_[node] != 0 || leaving_[node] != 0) && !nodes_.written(node)) return false;
    }
    return true;
  };
  const auto finish = [&] {
    while (!(releasing.done() && all_written()) && BootClock::now() < give_back_until_) {
      turn(core, give_back_until_, {});
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
  const auto same = electorate_.duplicate();
  if (!same || std::exchange(warned_of_same_server_, true)) return;
  log::warning(fmt::format("nodes {} and {} are one and the same server: name each server once",
                           nodes_.endpoint(same->first).display(), nodes_.endpoint(same->second).display()));
}

std::optional<quorum::Loss> Session::keep(const quorum::LeaseRules& rules, const quorum::Won& won,
                                          std::span<const int> wake_fds,
                                          const std::function<void(TimePoint)>& on_extended) {
  nodes_.stop_listening();  // here, where nobody waits for it
  quorum::Lease lease{rules, nodes_.size(), won, ids_, entropy_, read_clocks()};
  TimePoint valid_until = lease.valid_until();
  unsigned failures = 0;
  while (!lease.lost()) {
    turn(lease, lease.deadline(), wake_fds);
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
  while (BootClock::now() < until) {
    if (any_readable(wake_fds)) return true;
    rest(until, wake_fds);
  }
  return any_readable(wake_fds);
}

}  // namespace redlock::lock
