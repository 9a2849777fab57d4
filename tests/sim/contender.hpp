#pragma once

#include "hand_held.hpp"
#include "lock/pending_releases.hpp"
#include "process.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/lease.hpp"
#include "quorum/release_op.hpp"
#include "referee.hpp"

#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace redlock::sim {

// How a client goes about it.
struct Habits {
  std::chrono::milliseconds ttl;
  Duration node_timeout;   // of its own rounds
  Duration longest_round;  // of any client: the configured node_timeout
  Duration lead;           // LeaseRules::lead
  unsigned max_rounds;
  unsigned attempts;  // until it wins
  unsigned cycles;    // wins
  Duration hold;      // at most
  Duration least_hold{};
  bool by_hand = false;  // extends each time as a new process would
  bool polls = false;    // tries again and again, whatever the refusals say
  Duration at_least{};   // leaves the lock behind for the rest of this
  bool slots = false;    // its names are slots, of which it wants one
};

// What one acquisition came to, for the figures.
struct Attempted {
  unsigned rounds;
  Duration took;  // of the client's clock
  bool won;
  Instant decided;
};

// A client that runs the real algorithm: AcquireOp, Lease or ExtendOp, and ReleaseOp of src/quorum.
class Contender final : public Process {
 public:
  Contender(Setting& setting, Referee& referee, std::string name,
            const std::vector<Server*>& server_of_address, const Habits& habits, std::uint64_t seed,
            Names names = {0});
  Names names() const;  // that it holds, or wants

  // SIGTERM while it waits.
  void interrupt();

  bool done() const { return stage_ == Stage::Done; }
  Instant last_asked() const { return extensions_began_.empty() ? round_began_ : extensions_began_.back(); }
  Instant released() const { return released_; }  // the last time
  bool holds() const { return stage_ == Stage::Holding; }
  const quorum::Token& token() const { return token_; }  // of the lease, while it holds
  // Of the lock that it has left behind to rest, until it tries again; empty: none.
  const quorum::Token& left_behind() const { return left_behind_; }
  const Habits& habits() const { return habits_; }
  const std::vector<Attempted>& attempted() const { return attempted_; }
  const std::vector<quorum::AcquireVerdict>& verdicts() const { return verdicts_; }

 protected:
  void on_start() override;
  void on_identity(quorum::NodeIndex address, const quorum::Identity& identity) override;
  void on_reply(quorum::NodeIndex address, quorum::RequestId id, const quorum::Reply& reply) override;
  void on_failure(quorum::NodeIndex address, quorum::RequestId id, const quorum::Failure& failure) override;
  void on_time() override;
  TimePoint deadline() const override;

 private:
  enum class Stage { Idle, Acquiring, Holding, Stopping, Releasing, Done };

  TimePoint stage_deadline() const;
  void begin_attempt();
  void failed(quorum::NodeIndex address, quorum::RequestId id, const quorum::Failure& failure);
  void send_all(const std::vector<quorum::Send>& sends);
  void advance();
  void judged();
  void hold(const quorum::Won& won);
  void check_lease();
  template <class Lease>
  void check_lease(const Lease& lease);
  void begin_releasing(bool lost);
  std::optional<quorum::Rest> rest_left() const;
  void idle(Duration length);
  Names names_for(const Command& command) const;
  bool interruptions() const;  // whether it may be stopped at any point

  Referee& referee_;
  Habits habits_;
  Names wanted_;
  quorum::Slot slot_ = 0;  // that it holds
  Dice dice_;
  quorum::RequestIds ids_;
  quorum::Membership membership_;
  Stage stage_ = Stage::Idle;
  TimePoint wake_at_{};
  unsigned attempts_left_;
  unsigned cycles_left_;

  std::unique_ptr<quorum::AcquireOp> acquisition_;
  std::variant<std::monostate, quorum::Lease, HandHeld> lease_;
  std::unique_ptr<quorum::ReleaseOp> releasing_;
  std::uint64_t extensions_ = 0;
  quorum::Token token_;  // of the present round, or of the lease
  quorum::Token left_behind_;
  Instant round_began_{};
  std::vector<Instant> extensions_began_;  // by attempt, from 1; by hand the last alone
  std::vector<Vote> votes_;                // by address, of the present round
  TimePoint attempt_began_{};
  lock::PendingReleases owed_;
  std::vector<std::pair<quorum::RequestId, quorum::Token>> releases_;  // whose they are

  TimePoint won_at_{};
  Instant released_{};
  std::vector<Attempted> attempted_;
  std::vector<quorum::AcquireVerdict> verdicts_;
};

}  // namespace redlock::sim
