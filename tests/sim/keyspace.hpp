#pragma once

#include "faults.hpp"
#include "quorum/types.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <variant>

namespace redlock::sim {

// What other Redlock libraries send: SET key token NX PX ttl.
struct ForeignSet {
  quorum::Token token;
  std::chrono::milliseconds ttl;
};
using Command = std::variant<quorum::AcquireRequest, quorum::ConfirmRequest, quorum::ExtendRequest,
                             quorum::ReleaseRequest, ForeignSet>;

// The keys of one lock on one Redis server, and what the scripts of redis/ do to them; conformance_test.cpp
// holds the two together. Times are milliseconds of the server's clock, as in Redis.
class Keyspace {
 public:
  quorum::Reply execute(const Command& command, std::int64_t now_ms, Defect defect = Defect::None);

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
  // The waiters, in the order in which they began.
  const std::map<quorum::QueueEntry, std::int64_t>& waiters() const { return queue_; }

  void delete_key() { key_.reset(); }
  void leave_queue(const quorum::QueueEntry& entry) { queue_.erase(entry); }
  void forget_queue() { queue_.clear(); }
  void forget_notes() { notes_.clear(); }
  void forget_everything() { *this = Keyspace{}; }

 private:
  struct Key {
    quorum::Token token;
    std::int64_t last_ms;
    // Of the info hash, which lives and dies with the key.
    std::uint64_t set_by;
    std::chrono::milliseconds ttl;  // 0: another library's
    quorum::Fence fence = 0;        // the final one, once it is written down
  };
  struct Counter {
    quorum::Fence value;
    std::int64_t last_ms;
  };

  void set_counter(quorum::Fence value, std::int64_t now_ms);

  quorum::Reply acquire(const quorum::AcquireRequest& command, std::int64_t now_ms);
  quorum::Reply confirm(const quorum::ConfirmRequest& command, std::int64_t now_ms, bool unconditional);
  quorum::Reply extend(const quorum::ExtendRequest& command, std::int64_t now_ms, bool shortens);
  quorum::Reply release(const quorum::ReleaseRequest& command, std::int64_t now_ms, Defect defect);
  quorum::Reply foreign_set(const ForeignSet& command, std::int64_t now_ms);
  quorum::Refused refusal(std::int64_t now_ms) const;
  quorum::NotOurs not_ours(const quorum::Token& token, std::int64_t now_ms) const;

  std::optional<Key> key_;
  std::optional<Counter> counter_;
  struct Note {
    std::int64_t last_ms;
    bool breaks;
  };
  std::map<quorum::Token, Note> notes_;               // of tokens that were given back
  std::map<quorum::QueueEntry, std::int64_t> queue_;  // until when each is taken to be alive
};

}  // namespace redlock::sim
