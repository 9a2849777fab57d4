#pragma once

#include "setting.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace redlock::sim {

class Competitor;

// Watches that subscriptions come back: a waiter that a node told of changes, and whose connection broke, is told by that
// node again soon after its way there is quiet. Polls would hide that it is not. Only where no program is stopped, no node
// forbids it, and each address goes on leading to the same node.
class SubscriptionCheck {
 public:
  SubscriptionCheck(Setting& setting, const std::vector<std::unique_ptr<Competitor>>& competitors);

 private:
  struct Told {
    Instant listens_since{};  // Competitor::listens_since(): of which wait this is
    Instant last{};           // when a look found it told
  };

  void look();
  void look_at(const Competitor& competitor, std::size_t address);
  Instant due(const Competitor& competitor, std::size_t address, Instant last_told) const;

  Setting& setting_;
  const std::vector<std::unique_ptr<Competitor>>& competitors_;
  std::map<std::pair<const Competitor*, std::size_t>, Told> told_;  // by address
};

}  // namespace redlock::sim
