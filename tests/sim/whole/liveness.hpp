#pragma once

#include "setting.hpp"

#include <memory>
#include <vector>

namespace redlock::sim {

class Competitor;
class NodeServer;

// Watches that nobody sleeps while the lock is free: one that waits for its turn, has been told that the lock is held, and
// can hear of its release, tries soon after it is gone from all nodes. Only in worlds where nobody is stopped or dies, since
// those behind must give such a one its time; and where each address leads to a server of its own, that does what it is
// asked.
class Liveness {
 public:
  Liveness(Setting& setting, const std::vector<std::unique_ptr<NodeServer>>& nodes,
           const std::vector<std::unique_ptr<Competitor>>& competitors);

  // Something has changed on a node.
  void look();

 private:
  bool is_free() const;
  bool could_hear(const Competitor& competitor) const;
  void check(Instant free_since);

  Setting& setting_;
  const std::vector<std::unique_ptr<NodeServer>>& nodes_;
  const std::vector<std::unique_ptr<Competitor>>& competitors_;
  bool applies_;
  Instant free_since_ = Instant::max();
};

}  // namespace redlock::sim
