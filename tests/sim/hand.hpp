#pragma once

#include "lock/pending_releases.hpp"
#include "process.hpp"
#include "quorum/extend_op.hpp"
#include "quorum/release_op.hpp"
#include "referee.hpp"

#include <optional>
#include <vector>

namespace redlock::sim {

class Contender;

// Somebody who acts on the lock of another process by hand, in a process of its own: extends it, or breaks it.
class Hand final : public Process {
 public:
  Hand(Setting& setting, Referee& referee, std::string name, const std::vector<Server*>& server_of_address,
       const std::vector<Contender*>& contenders);

 protected:
  void on_start() override;
  void on_identity(quorum::NodeIndex address, const quorum::Identity& identity) override;
  void on_reply(quorum::NodeIndex address, quorum::RequestId id, const quorum::Reply& reply) override;
  void on_failure(quorum::NodeIndex address, quorum::RequestId id, const quorum::Failure& failure) override;
  void on_time() override;
  TimePoint deadline() const override;

 private:
  void act();
  void extend(const Contender& holder);
  void break_lock(const Contender& holder);
  void send_all(const std::vector<quorum::Send>& sends);
  void judge();
  void idle();

  Referee& referee_;
  const std::vector<Contender*>& contenders_;
  quorum::RequestIds ids_;
  quorum::Membership membership_;
  unsigned looks_left_;
  TimePoint wake_at_ = TimePoint::max();
  quorum::Token token_;  // of the lock under hand
  std::optional<quorum::ExtendOp> extension_;
  std::optional<quorum::ReleaseOp> releasing_;
  lock::PendingReleases owed_;
  Instant asked_{};
  bool judged_ = true;
};

}  // namespace redlock::sim
