#include "redis/request_queue.hpp"

#include "base/text.hpp"
#include "redis/node_error.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace redlock::redis {

using quorum::Failure;

namespace {

constexpr int kStaleAllowances = 3;
constexpr std::chrono::seconds kLeastStale{2};

// For how long a request makes a node keep its key.
Duration ttl_of(const quorum::Request& request) {
  if (const auto* acquire = std::get_if<quorum::AcquireRequest>(&request)) return acquire->ttl;
  if (const auto* extend = std::get_if<quorum::ExtendRequest>(&request)) return extend->ttl;
  return {};
}

}  // namespace

Pending pending_for(const quorum::Send& send, Secret bytes, TimePoint now) {
  return {.what = kind_of(send.request),
          .id = send.id,
          .bytes = std::move(bytes),
          .asked = now,
          .deadline = send.deadline,
          .ttl = ttl_of(send.request),
          .token = std::visit([](const auto& each) { return each.token.value; }, send.request)};
}

Pending pending_for(const Query& query, TimePoint now) {
  const std::vector<std::string_view> words{query.words.begin(), query.words.end()};
  return {.what = Pending::Reading{},
          .id = query.id,
          .bytes = format_command(words),
          .asked = now,
          .deadline = query.deadline};
}

RequestQueue::RequestQueue(quorum::NodeIndex node, const Secret& password, Duration node_timeout,
                           std::vector<Event>& events)
    : node_{node}, password_{password}, node_timeout_{node_timeout}, events_{events} {
}

const Pending* RequestQueue::oldest_awaited() const noexcept {
  const auto oldest =
      std::find_if(pending_.begin(), pending_.end(), [](const Pending& pending) { return !pending.settled; });
  return oldest == pending_.end() ? nullptr : &*oldest;
}

bool RequestQueue::awaited() const noexcept {
  return oldest_awaited() != nullptr;
}

bool RequestQueue::any(const std::function<bool(const Pending&)>& condition) const {
  return std::any_of(pending_.begin(), pending_.end(), condition);
}

void RequestQueue::add_setup(std::vector<SetupCommand> commands) {
  const TimePoint asked = pending_.front().asked;
  const TimePoint deadline = pending_.front().deadline;
  for (auto command = commands.rbegin(); command != commands.rend(); ++command) {
    pending_.push_front({.what = command->step,
                         .id = 0,
                         .bytes = std::move(command->bytes),
                         .asked = asked,
                         .deadline = deadline,
                         .settled = true});
  }
}

Pending RequestQueue::take_front() {
  Pending pending = std::move(pending_.front());
  pending_.pop_front();
  return pending;
}

std::vector<Pending> RequestQueue::take_releases(TimePoint now, TimePoint deadline) {
  std::vector<Pending> releases;
  for (Pending& pending : pending_) {
    if (!pending.is_release()) continue;
    pending.written = 0;
    pending.asked = now;
    pending.deadline = deadline;
    releases.push_back(std::move(pending));
  }
  std::erase_if(pending_, [](const Pending& pending) { return pending.is_release(); });
  return releases;
}

bool RequestQueue::wants_auth_alone(const Value& answer) noexcept {
  const bool wants =
      answer.type == Value::Type::Error && front().is(SetupStep::Auth) && wants_auth_first(answer.text);
  auth_alone_ = auth_alone_ || wants;
  return wants;
}

void RequestQueue::begin_anew() {
  std::erase_if(pending_, [](const Pending& pending) { return pending.settled; });  // setup is, too
  for (Pending& pending : pending_) pending.written = 0;
}

// ---- Outcomes

// A server that quotes the password back does not get it shown.
void RequestQueue::settle(Pending& pending, const Failure& failure) {
  if (std::exchange(pending.settled, true)) return;
  Failure told = failure;
  const std::string_view password = password_.reveal();
  if (!password.empty() && (told.detail.find(password) != std::string::npos ||
                            told.detail.find(printable(password)) != std::string::npos)) {
    told.detail.clear();
  }
  events_.push_back({.node = node_, .id = pending.id, .what = std::move(told)});
}

void RequestQueue::settle(Pending& pending, std::variant<quorum::Reply, Value> answer) {
  if (std::exchange(pending.settled, true)) return;
  // In place: of an event that is moved g++ 14 sees a member of a Value uninitialized that is none.
  Event& event = events_.emplace_back();
  event.node = node_;
  event.id = pending.id;
  std::visit([&](auto& what) { event.what = std::move(what); }, answer);
}

void RequestQueue::settle_all(const Failure& failure) {
  for (Pending& pending : pending_) settle(pending, failure);
}

void RequestQueue::drop_unsent() {
  std::erase_if(pending_, [](const Pending& pending) { return !pending.is_setup() && pending.written == 0; });
}

void RequestQueue::cancel_unsent() {
  std::erase_if(pending_, [&](Pending& pending) {
    const bool stays = pending.is_setup() || pending.is_release() || pending.written > 0;
    if (!stays) settle(pending, node_failure(NodeError::Cancelled));
    return !stays;
  });
}

// ---- Bytes

std::size_t RequestQueue::sendable() const noexcept {
  const bool held = auth_alone_ && !pending_.empty() && pending_.front().is(SetupStep::Auth);
  return held ? 1 : pending_.size();
}

bool RequestQueue::has_unsent() const noexcept {
  const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(sendable());
  return std::any_of(pending_.begin(), end, [](const Pending& each) { return each.unsent(); });
}

std::size_t RequestQueue::unsent_parts(std::span<iovec> parts) const noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < sendable(); ++i) {
    const Pending& pending = pending_[i];
    if (!pending.unsent()) continue;
    const std::string_view rest = pending.bytes.reveal().substr(pending.written);
    parts[count++] = {.iov_base = const_cast<char*>(rest.data()), .iov_len = rest.size()};
    if (count == parts.size()) break;
  }
  return count;
}

void RequestQueue::mark_written(std::size_t bytes, const std::function<void(const Pending&)>& reached) {
  for (Pending& pending : pending_) {
    if (bytes == 0) return;
    if (!pending.unsent()) continue;
    const std::size_t taken = std::min(bytes, pending.bytes.reveal().size() - pending.written);
    pending.written += taken;
    bytes -= taken;
    if (pending.sets_key()) reached(pending);
  }
}

// ---- Time

TimePoint RequestQueue::limit(const Pending& pending, bool connected) const noexcept {
  return connected ? pending.deadline : std::min(pending.deadline, pending.asked + node_timeout_);
}

TimePoint RequestQueue::next_deadline(bool connected) const noexcept {
  TimePoint next = TimePoint::max();
  for (const Pending& pending : pending_) {
    if (!pending.settled) next = std::min(next, limit(pending, connected));
  }
  return next;
}

Duration RequestQueue::longest_wait(TimePoint now, bool connected) const noexcept {
  Duration longest = Duration::zero();
  for (const Pending& pending : pending_) {
    if (!pending.settled) longest = std::max(longest, limit(pending, connected) - now);
  }
  return longest;
}

bool RequestQueue::is_stale(TimePoint now) const noexcept {
  if (pending_.empty() || pending_.front().written == 0) return false;
  const Pending& oldest = pending_.front();
  const Duration allowance = std::min(oldest.deadline - oldest.asked, node_timeout_);
  const Duration silent = now - oldest.asked;
  return silent > kLeastStale && silent / kStaleAllowances > allowance;
}

bool RequestQueue::expire(TimePoint now, bool connected, bool all,
                          const std::function<std::string_view(const Pending&)>& why) {
  bool expired = false;
  std::erase_if(pending_, [&](Pending& pending) {
    if (pending.settled || limit(pending, connected) > now || (!all && pending.written > 0)) return false;
    expired = true;
    settle(pending, node_failure(NodeError::TimedOut, std::string{why(pending)}));
    return pending.written == 0;
  });
  return expired;
}

}  // namespace redlock::redis
