#pragma once

#include "setting.hpp"

#include <memory>
#include <string>
#include <vector>

namespace redlock::sim {

class Competitor;
class NodeServer;

// Watches that nobody sleeps while the lock is free: one that waits for its turn, has been told that the lock is held, and
// can hear of its release, tries soon after all locks, and bars that keep them for another, are gone from all nodes. Only in worlds where nobody is stopped or dies, since
// those behind must give such a one its time; and where each address leads to a server of its own, that does what it is
// asked.
// And that nobody sleeps past its poll: whatever the nodes have done before, one that waits asks again once its ways to them
// are quiet. In all worlds where programs and their clocks run.
class Liveness {
 public:
  Liveness(Setting& setting, const std::vector<std::unique_ptr<NodeServer>>& nodes,
           const std::vector<std::unique_ptr<Competitor>>& competitors);

  // Something has changed on a node.
  void look();

 private:
  bool is_free() const;
  std::string winner(std::size_t name) const;
  std::size_t nodes_with(std::size_t name, const std::string& token) const;
  void note_winners();
  bool could_hear(const Competitor& competitor) const;
  void check(Instant free_since);
  void check_polls();
  Instant quiet_since(const Competitor& competitor) const;

  Setting& setting_;
  const std::vector<std::unique_ptr<NodeServer>>& nodes_;
  const std::vector<std::unique_ptr<Competitor>>& competitors_;
  bool applies_;
  bool polls_apply_;
  std::vector<std::string> winners_;  // by name: the last
  Instant not_all_granted_at_ = Instant::min();
  Instant free_since_ = Instant::max();
};

}  // namespace redlock::sim
