#include "keyspace.hpp"

#include "base/overload.hpp"

#include <algorithm>

namespace redlock::sim {
namespace {

using quorum::Fence;
using quorum::Reply;
using quorum::Token;

constexpr std::int64_t kPositionLife = std::chrono::milliseconds{std::chrono::minutes{5}}.count();
constexpr std::int64_t kCounterLife = std::chrono::milliseconds{std::chrono::days{30}}.count();

}  // namespace

Reply Keyspace::execute(const Command& command, std::int64_t now_ms, Defect defect) {
  return std::visit(
      Overload{[&](const quorum::AcquireRequest& acquiring) { return acquire(acquiring, now_ms); },
               [&](const quorum::ConfirmRequest& confirming) {
                 return confirm(confirming, now_ms, defect == Defect::UnconditionalWriteBack);
               },
               [&](const quorum::ExtendRequest& extending) {
                 return extend(extending, now_ms, defect == Defect::ExtensionShortens);
               },
               [&](const quorum::ReleaseRequest& releasing) { return release(releasing, now_ms, defect); },
               [&](const ForeignSet& setting) { return foreign_set(setting, now_ms); }},
      command);
}

// Redis: expired when now > when (keyIsExpired in db.c).
const Token* Keyspace::holder(std::int64_t now_ms) const {
  return key_ && now_ms <= key_->last_ms ? &key_->token : nullptr;
}

Fence Keyspace::counter(std::int64_t now_ms) const {
  return counter_ && now_ms <= counter_->last_ms ? counter_->value : 0;
}

void Keyspace::set_counter(Fence value, std::int64_t now_ms) {
  counter_ = Counter{.value = value, .last_ms = now_ms + kCounterLife};
}

quorum::Refused Keyspace::refusal(std::int64_t now_ms) const {
  return {.holder = key_->token,
          .remaining = std::chrono::milliseconds{key_->last_ms - now_ms},
          .info = {},
          .holder_ttl = key_->ttl};
}

Reply Keyspace::acquire(const quorum::AcquireRequest& command, std::int64_t now_ms) {
  const Token* present = holder(now_ms);
  if (present != nullptr && *present != command.token) {
    quorum::Refused refused = refusal(now_ms);
    if (command.waiter) {
      std::erase_if(queue_, [now_ms](const auto& each) { return each.second <= now_ms; });
      queue_[*command.waiter] = now_ms + kPositionLife;
      refused.position = position(*command.waiter);
    }
    return refused;
  }
  const Fence fence = std::max(counter(now_ms) + 1, command.proposal);
  set_counter(fence, now_ms);
  const std::uint64_t set_by = present != nullptr ? key_->set_by : 0;
  key_ = Key{
      .token = command.token, .last_ms = now_ms + command.ttl.count(), .set_by = set_by, .ttl = command.ttl};
  if (command.waiter) {
    queue_.erase(*command.waiter);
    if (command.in_turn) queue_.erase(queue_.begin(), queue_.lower_bound(*command.waiter));
  }
  return quorum::Granted{fence};
}

std::optional<quorum::QueuePosition> Keyspace::position(const quorum::QueueEntry& entry) const {
  const auto found = queue_.find(entry);
  if (found == queue_.end()) return std::nullopt;
  return quorum::QueuePosition{.ahead = static_cast<std::uint64_t>(std::distance(queue_.begin(), found)),
                               .waiting = queue_.size()};
}

Reply Keyspace::confirm(const quorum::ConfirmRequest& command, std::int64_t now_ms, bool unconditional) {
  const Token* present = holder(now_ms);
  const bool ours = present != nullptr && *present == command.token;
  const Fence found = counter(now_ms);
  const bool accepted = unconditional || (ours && found <= command.fence);
  if (accepted) set_counter(command.fence, now_ms);
  if (ours && found <= std::max(command.fence, command.granted)) key_->fence = command.fence;
  return quorum::Confirmed{accepted};
}

Reply Keyspace::extend(const quorum::ExtendRequest& command, std::int64_t now_ms, bool shortens) {
  const Token* present = holder(now_ms);
  if (present != nullptr) {
    if (*present != command.token) return not_ours(command.token, now_ms);
    const std::int64_t last_ms = now_ms + command.ttl.count();
    key_->last_ms = shortens ? last_ms : std::max(key_->last_ms, last_ms);
    key_->ttl = std::max(key_->ttl, command.ttl);
    if (counter(now_ms) > 0) set_counter(counter(now_ms), now_ms);
    const Fence vouched = command.vouches > 0 ? std::max(command.vouches, command.fence) : 0;
    if (vouched > 0 && counter(now_ms) <= vouched) key_->fence = command.fence;
    return quorum::Extended{.set_by = key_->set_by, .counter = counter(now_ms), .fence = key_->fence};
  }
  const quorum::NotOurs absent = not_ours(command.token, now_ms);
  if (absent.released || absent.broken || !command.repair) return absent;
  const Fence found = counter(now_ms);
  set_counter(std::max(found, command.fence), now_ms);
  key_ = Key{.token = command.token,
             .last_ms = now_ms + command.ttl.count(),
             .set_by = command.attempt,
             .ttl = command.ttl};
  return quorum::Restored{found};
}

Reply Keyspace::release(const quorum::ReleaseRequest& command, std::int64_t now_ms, Defect defect) {
  const Token* present = holder(now_ms);
  const bool ours = present != nullptr && *present == command.token;
  const bool others = present != nullptr && !ours;
  if (command.note.count() > 0 && (ours || defect != Defect::NoteOnlyOnTheToken)) {
    std::int64_t last_ms = now_ms + command.note.count();
    if (ours) last_ms = std::max({last_ms, key_->last_ms, now_ms + key_->ttl.count()});
    const auto note = notes_.find(command.token);
    if (note == notes_.end() || note->second.last_ms < last_ms) {
      notes_[command.token] = {.last_ms = last_ms, .breaks = command.breaks};
    }
  }
  if (ours || defect == Defect::ReleaseWithoutCompare) key_.reset();
  return quorum::Released{.was_ours = ours, .held_by_other = others};
}

quorum::NotOurs Keyspace::not_ours(const Token& token, std::int64_t now_ms) const {
  const Token* present = holder(now_ms);
  const auto note = notes_.find(token);
  const bool noted = note != notes_.end() && now_ms <= note->second.last_ms;
  return {.holder = present != nullptr ? *present : Token{},
          .released = noted && !note->second.breaks,
          .broken = noted && note->second.breaks};
}

Reply Keyspace::foreign_set(const ForeignSet& command, std::int64_t now_ms) {
  if (holder(now_ms) != nullptr) return refusal(now_ms);
  key_ = Key{.token = command.token, .last_ms = now_ms + command.ttl.count(), .set_by = 0, .ttl = {}};
  return quorum::Granted{0};
}

}  // namespace redlock::sim
