#pragma once

#include "faults.hpp"
#include "quorum/types.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

namespace redlock::sim {

// The names of a lock: some of those that a world has.
using Names = std::vector<std::size_t>;

// What other Redlock libraries send: SET key token NX PX ttl.
struct ForeignSet {
  quorum::Token token;
  std::chrono::milliseconds ttl;
};
using Command = std::variant<quorum::AcquireRequest, quorum::ProbeRequest, quorum::ConfirmRequest,
                             quorum::ExtendRequest, quorum::ReleaseRequest, ForeignSet>;

// Which of the names, if they are slots of one lock, it is about: from 1; 0: all.
quorum::Slot slot_of(const Command& command);

// The keys of one name on one Redis server. Times are milliseconds of the server's clock, as in Redis.
class NameKeys {
 public:
  // The token that the key holds; nullptr when it is absent or has expired.
  const quorum::Token* holder(std::int64_t now_ms) const;
  // The token of a key that is still written down, expired or not, and when it expires: the last millisecond
  // of its life.
  const quorum::Token* last_holder() const { return key_ ? &key_->token : nullptr; }
  std::int64_t last_ms() const { return key_ ? key_->last_ms : 0; }

  quorum::Fence counter(std::int64_t now_ms) const;  // 0: none
  // The final fence that is written down beside the token; 0: none.
  quorum::Fence written_fence() const { return key_ ? key_->fence : 0; }
  std::int64_t counter_last_ms() const { return counter_ ? counter_->last_ms : 0; }

  // None: it is not in the queue.
  std::optional<quorum::QueuePosition> position(const quorum::QueueEntry& entry) const;
  // The waiter that bars the lock to all others.
  std::optional<quorum::QueueEntry> barred_by(std::int64_t now_ms) const;
  // The waiters, in the order in which they began.
  const std::map<quorum::QueueEntry, std::int64_t>& waiters() const { return queue_; }

  void delete_key() { key_.reset(); }
  void leave_queue(const quorum::QueueEntry& entry) {
    queue_.erase(entry);
    if (bar_ && bar_->entry == entry) bar_.reset();
  }
  void forget_queue() {
    queue_.clear();
    bar_.reset();
  }
  void forget_notes() { notes_.clear(); }

 private:
  friend class Keyspace;
  struct Key {
    quorum::Token token;
    std::int64_t last_ms;
    // Of the info hash, which lives and dies with the key.
    std::uint64_t set_by;
    std::chrono::milliseconds ttl;  // 0: another library's
    quorum::Fence fence = 0;        // the final one, once it is written down
    bool resting = false;           // nobody's any more
  };
  struct Counter {
    quorum::Fence value;
    std::int64_t last_ms;
  };
  struct Note {
    std::int64_t last_ms;
    enum class Says { Released, Broken, Resting } says;
  };
  struct Bar {
    quorum::QueueEntry entry;
    std::int64_t last_ms;
  };

  bool is(const quorum::Token& token, std::int64_t now_ms) const;
  void set_counter(quorum::Fence value, std::int64_t now_ms, std::int64_t longer_ms = 0);
  const Note* note(const quorum::Token& token, std::int64_t now_ms) const;
  void leave_note(const quorum::ReleaseRequest& release, bool ours, std::int64_t now_ms);
  void rest(const quorum::Rest& rest, std::int64_t now_ms, Defect defect);
  quorum::Refused refusal(std::size_t name, std::int64_t now_ms) const;
  void bar(const quorum::QueueEntry& entry, std::int64_t now_ms);

  std::optional<Key> key_;
  std::optional<Counter> counter_;
  std::map<quorum::Token, Note> notes_;               // of tokens that were given back
  std::map<quorum::QueueEntry, std::int64_t> queue_;  // until when each is taken to be alive
  std::optional<Bar> bar_;
};

// The keys of all names on one Redis server, and what the scripts of redis/ do to them; conformance_test.cpp holds the two
// together.
class Keyspace {
 public:
  explicit Keyspace(std::size_t names = 1) : names_(names) {}

  // A request for a lock of these names.
  quorum::Reply execute(const Command& command, const Names& names, std::int64_t now_ms,
                        Defect defect = Defect::None);

  // What a waiter for these names is told between two attempts. Changes nothing.
  quorum::QueueState queue_state(const Names& names, const quorum::QueueEntry& waiter, std::int64_t now_ms);

  // The same of slots.
  quorum::QueueState slots_state(const Names& slots, const quorum::QueueEntry& waiter, std::int64_t now_ms);

  NameKeys& of(std::size_t name) { return names_[name]; }
  const NameKeys& of(std::size_t name) const { return names_[name]; }
  NameKeys& of_slots() { return of_slots_; }
  const NameKeys& of_slots() const { return of_slots_; }
  void forget_everything() { *this = Keyspace{names_.size()}; }

 private:
  // The keys of a lock, by the position of the name in its list.
  using Lock = std::vector<NameKeys*>;

  Lock lock_of(const Names& names);
  static std::optional<quorum::Refused> refusals(const Lock& lock, const quorum::Token& token,
                                                 const std::optional<quorum::QueueEntry>& waiter,
                                                 std::int64_t now_ms);
  static std::optional<quorum::QueuePosition> position(const Lock& lock, const quorum::QueueEntry& entry);
  static void enter_queues(const Lock& lock, const quorum::QueueEntry& entry, bool bars, std::int64_t now_ms,
                           Defect defect);

  static quorum::Reply acquire(const Lock& lock, const quorum::AcquireRequest& command, std::int64_t now_ms,
                               Defect defect);
  quorum::Reply acquire_slot(const Lock& slots, const quorum::AcquireRequest& command, std::int64_t now_ms,
                             Defect defect);
  quorum::Reply probe_slots(const Lock& slots, const quorum::ProbeRequest& command, std::int64_t now_ms);
  static std::vector<quorum::Refused> taken(const Lock& slots, const quorum::Token& token,
                                            std::int64_t now_ms);
  static quorum::Reply probe(const Lock& lock, const quorum::ProbeRequest& command, std::int64_t now_ms,
                             Defect defect);
  static quorum::Reply confirm(const Lock& lock, const quorum::ConfirmRequest& command, std::int64_t now_ms,
                               Defect defect);
  static quorum::Reply extend(const Lock& lock, const quorum::ExtendRequest& command, std::int64_t now_ms,
                              Defect defect);
  static quorum::Reply release(const Lock& lock, const quorum::ReleaseRequest& command, std::int64_t now_ms,
                               Defect defect);
  static quorum::Reply foreign_set(NameKeys& name, const ForeignSet& command, std::int64_t now_ms);

  std::vector<NameKeys> names_;
  NameKeys of_slots_;  // their queue and bar
};

}  // namespace redlock::sim
