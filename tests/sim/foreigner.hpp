#pragma once

#include "process.hpp"
#include "referee.hpp"

#include <optional>
#include <string>
#include <vector>

namespace redlock::sim {

// A client with another Redlock library, as the Redis page has it: SET NX PX on all nodes, a quorum and
// enough validity or a release everywhere, tries again after a random delay. It knows neither fences nor
// quarantine.
class Foreigner final : public Process {
 public:
  Foreigner(Setting& setting, Referee& referee, std::string name,
            const std::vector<Server*>& server_of_address, unsigned attempts, std::uint64_t seed,
            std::size_t wanted);

 protected:
  void on_start() override { ask(); }
  void on_identity(quorum::NodeIndex /*address*/, const quorum::Identity& /*identity*/) override {}
  void on_reply(quorum::NodeIndex address, quorum::RequestId id, const quorum::Reply& reply) override;
  void on_failure(quorum::NodeIndex address, quorum::RequestId id, const quorum::Failure& failure) override;
  void on_time() override;
  TimePoint deadline() const override { return wake_at_; }

 private:
  enum class Stage { Asking, Holding, Resting, Done };

  void ask();
  void counted();
  void give_back();
  void rest_or_end();

  Referee& referee_;
  Dice dice_;
  std::size_t nodes_;
  unsigned attempts_left_;
  Stage stage_ = Stage::Resting;
  quorum::Token token_;
  quorum::RequestId last_id_ = 0;
  quorum::RequestId first_of_round_ = 0;
  std::size_t answers_ = 0;
  std::size_t votes_ = 0;
  TimePoint asked_at_{};
  TimePoint wake_at_ = TimePoint::max();
};

}  // namespace redlock::sim
