#include "keyspace.hpp"

#include "base/overload.hpp"

#include <algorithm>
#include <utility>

namespace redlock::sim {
namespace {

using quorum::Fence;
using quorum::Reply;
using quorum::Token;

constexpr std::int64_t kPositionLife = std::chrono::milliseconds{std::chrono::minutes{5}}.count();
constexpr std::int64_t kCounterLife = std::chrono::milliseconds{std::chrono::days{30}}.count();
constexpr std::int64_t kBarLife = 3000;

}  // namespace

// ---- One name

// Redis: expired when now > when (keyIsExpired in db.c).
const Token* NameKeys::holder(std::int64_t now_ms) const {
  return key_ && now_ms <= key_->last_ms ? &key_->token : nullptr;
}

bool NameKeys::is(const Token& token, std::int64_t now_ms) const {
  const Token* present = holder(now_ms);
  return present != nullptr && *present == token;
}

Fence NameKeys::counter(std::int64_t now_ms) const {
  return counter_ && now_ms <= counter_->last_ms ? counter_->value : 0;
}

void NameKeys::set_counter(Fence value, std::int64_t now_ms, std::int64_t longer_ms) {
  counter_ = Counter{.value = value, .last_ms = now_ms + kCounterLife + longer_ms};
}

std::optional<quorum::QueuePosition> NameKeys::position(const quorum::QueueEntry& entry) const {
  const auto found = queue_.find(entry);
  if (found == queue_.end()) return std::nullopt;
  return quorum::QueuePosition{.ahead = static_cast<std::uint64_t>(std::distance(queue_.begin(), found)),
                               .waiting = queue_.size()};
}

quorum::Refused NameKeys::refusal(std::size_t name, std::int64_t now_ms) const {
  return {.holder = key_->token,
          .remaining = std::chrono::milliseconds{key_->last_ms - now_ms},
          .info = {.resting = key_->resting ? std::optional{quorum::Resting{}} : std::nullopt},
          .holder_ttl = key_->ttl,
          .name = name};
}

const NameKeys::Note* NameKeys::note(const Token& token, std::int64_t now_ms) const {
  const auto note = notes_.find(token);
  return note != notes_.end() && now_ms <= note->second.last_ms ? &note->second : nullptr;
}

void NameKeys::leave_note(const quorum::ReleaseRequest& release, bool ours, std::int64_t now_ms) {
  std::int64_t last_ms = now_ms + release.note.count();
  if (release.rest)
    last_ms = std::max(last_ms, now_ms + release.rest->length.count());
  else if (ours)
    last_ms = std::max({last_ms, key_->last_ms, now_ms + key_->ttl.count()});
  const auto note = notes_.find(release.token);
  if (release.rest && note != notes_.end()) last_ms = std::max(last_ms, note->second.last_ms);
  if (release.rest || note == notes_.end() || note->second.last_ms < last_ms) {
    using enum Note::Says;
    notes_[release.token] = {.last_ms = last_ms,
                             .says = release.rest     ? Resting
                                     : release.breaks ? Broken
                                                      : Released};
  }
}

void NameKeys::rest(const quorum::Rest& rest, std::int64_t now_ms, Defect defect) {
  key_->last_ms = now_ms + rest.length.count() / (defect == Defect::RestIsCutShort ? 2 : 1);
  key_->ttl = rest.length;
  key_->resting = true;
  if (counter(now_ms) > 0)
    set_counter(counter(now_ms), now_ms, defect == Defect::RestOutlivesCounter ? 0 : rest.length.count());
}

// ---- Requests, each for all names of a lock, or for one slot

quorum::Slot slot_of(const Command& command) {
  return std::visit(Overload{[](const quorum::ProbeRequest&) -> quorum::Slot { return 0; },
                             [](const ForeignSet&) -> quorum::Slot { return 0; },
                             [](const auto& request) { return request.slot; }},
                    command);
}

Keyspace::Lock Keyspace::lock_of(const Names& names) {
  Lock lock;
  for (const std::size_t name : names) lock.push_back(&names_[name]);
  return lock;
}

quorum::QueueState Keyspace::queue_state(const Names& names, const quorum::QueueEntry& waiter,
                                         std::int64_t now_ms) {
  const Lock lock = lock_of(names);
  const auto refused = refusals(lock, {}, waiter, now_ms);
  quorum::QueueState state{.holder = {}, .remaining = {}, .info = {}, .position = position(lock, waiter)};
  if (!refused) return state;
  state.holder = refused->holder;
  state.remaining = refused->remaining;
  state.name = refused->name;
  state.barred = refused->barred;
  return state;
}

// What counts is the slot that falls free first.
quorum::QueueState Keyspace::slots_state(const Names& slots, const quorum::QueueEntry& waiter,
                                         std::int64_t now_ms) {
  const auto shown = taken(lock_of(slots), {}, now_ms);
  quorum::QueueState state{
      .holder = {}, .remaining = {}, .info = {}, .position = position({&of_slots_}, waiter)};
  if (shown.size() < slots.size()) return state;
  const auto first = std::ranges::min_element(shown, {}, &quorum::Refused::remaining);
  state.holder = first->holder;
  state.remaining = first->remaining;
  state.name = first->name;
  return state;
}

Reply Keyspace::execute(const Command& command, const Names& names, std::int64_t now_ms, Defect defect) {
  Lock lock = lock_of(names);
  if (const quorum::Slot slot = slot_of(command); slot > 0) {
    const auto* acquiring = std::get_if<quorum::AcquireRequest>(&command);
    if (acquiring != nullptr) return acquire_slot(lock, *acquiring, now_ms, defect);
    lock = {lock[slot - 1]};
  }
  return std::visit(
      Overload{
          [&](const quorum::AcquireRequest& acquiring) { return acquire(lock, acquiring, now_ms, defect); },
          [&](const quorum::ProbeRequest& probing) {
            return probing.slots ? probe_slots(lock, probing, now_ms) : probe(lock, probing, now_ms, defect);
          },
          [&](const quorum::ConfirmRequest& confirming) { return confirm(lock, confirming, now_ms, defect); },
          [&](const quorum::ExtendRequest& extending) { return extend(lock, extending, now_ms, defect); },
          [&](const quorum::ReleaseRequest& releasing) { return release(lock, releasing, now_ms, defect); },
          [&](const ForeignSet& setting) { return foreign_set(*lock.front(), setting, now_ms); }},
      command);
}

std::optional<quorum::Refused> Keyspace::refusals(const Lock& lock, const Token& token,
                                                  const std::optional<quorum::QueueEntry>& waiter,
                                                  std::int64_t now_ms) {
  std::optional<quorum::Refused> refused;
  const auto add = [&](quorum::Refused name) {
    if (!refused) {
      refused = std::move(name);
    } else {
      refused->others.push_back(std::move(name));
    }
  };
  for (std::size_t i = 0; i < lock.size(); ++i) {
    const NameKeys& keys = *lock[i];
    const Token* present = keys.holder(now_ms);
    if (present != nullptr && (*present != token || keys.key_->resting)) add(keys.refusal(i, now_ms));
    if (present == nullptr && waiter && keys.barred_by(now_ms).value_or(*waiter) != *waiter) {
      add({.holder = {"bar"},
           .remaining = std::chrono::milliseconds{keys.bar_->last_ms - now_ms},
           .info = {},
           .name = i,
           .barred = true});
    }
  }
  return refused;
}

void NameKeys::bar(const quorum::QueueEntry& entry, std::int64_t now_ms) {
  bar_ = Bar{.entry = entry, .last_ms = now_ms + kBarLife};
}

std::optional<quorum::QueueEntry> NameKeys::barred_by(std::int64_t now_ms) const {
  return bar_ && now_ms <= bar_->last_ms ? std::optional{bar_->entry} : std::nullopt;
}

std::optional<quorum::QueuePosition> Keyspace::position(const Lock& lock, const quorum::QueueEntry& entry) {
  quorum::QueuePosition worst{};
  for (const NameKeys* keys : lock) {
    const auto position = keys->position(entry);
    if (!position) return std::nullopt;
    worst = {.ahead = std::max(worst.ahead, position->ahead),
             .waiting = std::max(worst.waiting, position->waiting)};
  }
  return worst;
}

void Keyspace::enter_queues(const Lock& lock, const quorum::QueueEntry& entry, bool bars, std::int64_t now_ms,
                            Defect defect) {
  for (NameKeys* keys : lock) {
    std::erase_if(keys->queue_, [now_ms](const auto& each) { return each.second <= now_ms; });
    keys->queue_[entry] = now_ms + kPositionLife;
  }
  if (lock.size() == 1 && !bars) return;
  if (defect == Defect::BarsAtTheHeadOnly && position(lock, entry)->ahead > 0) return;
  for (NameKeys* keys : lock) {
    if (keys->queue_.begin()->first == entry) keys->bar(entry, now_ms);
  }
}

Reply Keyspace::acquire(const Lock& lock, const quorum::AcquireRequest& command, std::int64_t now_ms,
                        Defect defect) {
  if (defect == Defect::VotesForSomeNames) {
    Lock free;
    for (NameKeys* keys : lock) {
      if (keys->holder(now_ms) == nullptr || keys->is(command.token, now_ms)) free.push_back(keys);
    }
    if (!free.empty() && free.size() < lock.size()) return acquire(free, command, now_ms, defect);
  }
  if (auto refused = refusals(lock, command.token, command.waiter, now_ms)) {
    if (defect == Defect::SetsWhatIsFree) {
      for (NameKeys* keys : lock) {
        if (keys->holder(now_ms) == nullptr)
          keys->key_ = NameKeys::Key{.token = command.token,
                                     .last_ms = now_ms + command.ttl.count(),
                                     .set_by = 0,
                                     .ttl = command.ttl};
      }
    }
    if (command.waiter) {
      enter_queues(lock, *command.waiter, command.bars, now_ms, defect);
      refused->position = position(lock, *command.waiter);
    }
    return *refused;
  }
  Fence fence = command.proposal;
  std::uint64_t set_by = 0;
  bool already_there = false;
  for (const NameKeys* keys : lock) {
    fence = std::max(fence, keys->counter(now_ms) + 1);
    if (keys->holder(now_ms) == nullptr) continue;
    already_there = true;
    set_by = std::max(set_by, keys->key_->set_by);
  }
  for (NameKeys* keys : lock) {
    if (defect != Defect::OneCounterRaised || keys == lock.front()) keys->set_counter(fence, now_ms);
    keys->key_ = NameKeys::Key{.token = command.token,
                               .last_ms = now_ms + command.ttl.count(),
                               .set_by = set_by,
                               .ttl = command.ttl};
    if (!command.waiter) continue;
    keys->queue_.erase(*command.waiter);
    if (command.in_turn) keys->queue_.erase(keys->queue_.begin(), keys->queue_.lower_bound(*command.waiter));
    keys->bar_.reset();
    if (defect == Defect::HandsNothingOn) continue;
    if (lock.size() > 1 && !keys->queue_.empty() && *command.waiter < keys->queue_.begin()->first)
      keys->bar(keys->queue_.begin()->first, now_ms);
  }
  return quorum::Granted{.fence = fence, .already_there = already_there};
}

// The slots share a queue and a bar.
Reply Keyspace::acquire_slot(const Lock& slots, const quorum::AcquireRequest& command, std::int64_t now_ms,
                             Defect defect) {
  NameKeys* wanted = slots[command.slot - 1];
  if (defect == Defect::CountsEntries) {
    const auto free = std::find_if(slots.begin(), slots.end(),
                                   [&](const NameKeys* each) { return each->holder(now_ms) == nullptr; });
    if (wanted->holder(now_ms) != nullptr && free != slots.end()) wanted = *free;
  }
  NameKeys& slot = *wanted;
  const auto swap_queues = [&] {
    std::swap(slot.queue_, of_slots_.queue_);
    std::swap(slot.bar_, of_slots_.bar_);
  };
  swap_queues();
  Reply reply = acquire({&slot}, command, now_ms, defect);
  swap_queues();
  auto shown = taken(slots, command.token, now_ms);
  if (auto* granted = std::get_if<quorum::Granted>(&reply)) granted->slots = std::move(shown);
  if (auto* refused = std::get_if<quorum::Refused>(&reply)) refused->slots = std::move(shown);
  return reply;
}

std::vector<quorum::Refused> Keyspace::taken(const Lock& slots, const Token& token, std::int64_t now_ms) {
  std::vector<quorum::Refused> shown;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Token* present = slots[i]->holder(now_ms);
    if (present != nullptr && (*present != token || slots[i]->key_->resting))
      shown.push_back(slots[i]->refusal(i + 1, now_ms));
  }
  return shown;
}

Reply Keyspace::probe_slots(const Lock& slots, const quorum::ProbeRequest& command, std::int64_t now_ms) {
  auto shown = taken(slots, command.token, now_ms);
  const bool free = shown.size() < slots.size();
  const Lock queue{&of_slots_};
  if (command.waiter && !free) enter_queues(queue, *command.waiter, false, now_ms, Defect::None);
  const auto standing = command.waiter ? position(queue, *command.waiter) : std::nullopt;
  if (free) return quorum::Free{.position = standing, .slots = std::move(shown)};
  quorum::Refused refused = shown.front();
  refused.others.assign(shown.begin() + 1, shown.end());
  refused.position = standing;
  return refused;
}

Reply Keyspace::probe(const Lock& lock, const quorum::ProbeRequest& command, std::int64_t now_ms,
                      Defect defect) {
  auto refused = refusals(lock, command.token, command.waiter, now_ms);
  if (!refused)
    return quorum::Free{.position = command.waiter ? position(lock, *command.waiter) : std::nullopt};
  if (command.waiter) {
    enter_queues(lock, *command.waiter, false, now_ms, defect);
    refused->position = position(lock, *command.waiter);
  }
  return *refused;
}

Reply Keyspace::confirm(const Lock& lock, const quorum::ConfirmRequest& command, std::int64_t now_ms,
                        Defect defect) {
  const bool ours = std::all_of(lock.begin(), lock.end(),
                                [&](const NameKeys* keys) { return keys->is(command.token, now_ms); });
  Fence found = 0;
  for (const NameKeys* keys : lock) found = std::max(found, keys->counter(now_ms));
  const bool accepted = defect == Defect::UnconditionalWriteBack || (ours && found <= command.fence);
  for (NameKeys* keys : lock) {
    if (accepted) keys->set_counter(command.fence, now_ms);
    if (ours && found <= std::max(command.fence, command.granted)) keys->key_->fence = command.fence;
  }
  return quorum::Confirmed{accepted};
}

Reply Keyspace::extend(const Lock& lock, const quorum::ExtendRequest& command, std::int64_t now_ms,
                       Defect defect) {
  quorum::NotOurs not_ours{};
  bool absent = false;
  Fence found = 0;
  for (const NameKeys* keys : lock) {
    found = std::max(found, keys->counter(now_ms));
    const bool ours = keys->is(command.token, now_ms);
    if (const auto* note = keys->note(command.token, now_ms)) {
      using Says = NameKeys::Note::Says;
      const bool keeps_off = defect == Defect::RestIsShortened  ? !ours
                             : defect == Defect::RestIsRestored ? ours
                                                                : true;
      if (note->says == Says::Resting ? keeps_off : !ours)
        (note->says == Says::Broken ? not_ours.broken : not_ours.released) = true;
    }
    if (ours) continue;
    absent = true;
    const Token* present = keys->holder(now_ms);
    if (present != nullptr && not_ours.holder.value.empty()) not_ours.holder = *present;
  }
  if (not_ours.broken) not_ours.released = false;
  if (!not_ours.holder.value.empty()) {
    Lock rest;
    for (NameKeys* keys : lock) {
      if (keys->is(command.token, now_ms)) rest.push_back(keys);
    }
    if (defect == Defect::ExtendsTheRest && !rest.empty()) return extend(rest, command, now_ms, defect);
    return not_ours;
  }
  if (not_ours.released || not_ours.broken || (absent && !command.repair)) return not_ours;

  std::optional<std::uint64_t> set_by;
  std::optional<Fence> fence;
  bool whole = !absent;
  for (NameKeys* keys : lock) {
    if (!keys->is(command.token, now_ms)) continue;
    NameKeys::Key& key = *keys->key_;
    const std::int64_t last_ms = now_ms + command.ttl.count();
    key.last_ms = defect == Defect::ExtensionShortens || defect == Defect::RestIsShortened
                      ? last_ms
                      : std::max(key.last_ms, last_ms);
    key.ttl = std::max(key.ttl, command.ttl);
    if (keys->counter(now_ms) > 0) keys->set_counter(keys->counter(now_ms), now_ms);
    whole = whole && set_by.value_or(key.set_by) == key.set_by;
    set_by = key.set_by;
    fence = fence.value_or(key.fence) == key.fence ? key.fence : 0;
  }
  if (!whole && defect != Defect::PartSetAnewUnseen) {
    set_by = command.attempt;
    fence = 0;
    for (NameKeys* keys : lock) {
      if (!keys->is(command.token, now_ms)) continue;
      keys->key_->set_by = command.attempt;
      keys->key_->fence = 0;
    }
  }
  if (absent) {
    for (NameKeys* keys : lock) {
      if (keys->is(command.token, now_ms)) continue;
      keys->set_counter(std::max(keys->counter(now_ms), command.fence), now_ms);
      keys->key_ = NameKeys::Key{.token = command.token,
                                 .last_ms = now_ms + command.ttl.count(),
                                 .set_by = command.attempt,
                                 .ttl = command.ttl};
    }
    const bool some = set_by.has_value();
    if (defect == Defect::PartSetAnewUnseen && some)
      return quorum::Extended{.set_by = *set_by, .counter = found, .fence = *fence};
    return quorum::Restored{found};
  }
  const Fence vouched = command.vouches > 0 ? std::max(command.vouches, command.fence) : 0;
  if (vouched > 0 && found <= vouched) {
    fence = command.fence;
    for (NameKeys* keys : lock) keys->key_->fence = command.fence;
  }
  return quorum::Extended{.set_by = *set_by, .counter = found, .fence = *fence};
}

Reply Keyspace::release(const Lock& lock, const quorum::ReleaseRequest& command, std::int64_t now_ms,
                        Defect defect) {
  bool all = true;
  bool others = false;
  for (NameKeys* keys : lock) {
    if (defect == Defect::ReleasesOneName && keys != lock.front()) continue;
    const bool ours = keys->is(command.token, now_ms);
    all = all && ours;
    others = others || (!ours && keys->holder(now_ms) != nullptr);
    const bool notes = command.note.count() > 0 || command.rest;
    if (notes && (ours || defect != Defect::NoteOnlyOnTheToken)) keys->leave_note(command, ours, now_ms);
    if (command.rest && keys->holder(now_ms) == nullptr && defect == Defect::RestSetsTheKey) {
      keys->key_ = NameKeys::Key{.token = command.token, .last_ms = 0, .set_by = 0, .ttl = {}};
      keys->rest(*command.rest, now_ms, defect);
    }
    if (command.rest && ours) keys->rest(*command.rest, now_ms, defect);
    if (!command.rest && (ours || defect == Defect::ReleaseWithoutCompare)) keys->key_.reset();
  }
  return quorum::Released{.was_ours = all, .held_by_other = others};
}

Reply Keyspace::foreign_set(NameKeys& name, const ForeignSet& command, std::int64_t now_ms) {
  if (name.holder(now_ms) != nullptr) return name.refusal(0, now_ms);
  name.key_ =
      NameKeys::Key{.token = command.token, .last_ms = now_ms + command.ttl.count(), .set_by = 0, .ttl = {}};
  return quorum::Granted{0};
}

}  // namespace redlock::sim
