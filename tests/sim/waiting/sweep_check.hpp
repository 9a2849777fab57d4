#pragma once

#include <cstddef>
#include <map>
#include <utility>

namespace redlock::sim::waiting {

class Client;
class World;

// Whether dead waiters leave the queues. The waiters behind one pass it over: they give it its slot, and the one that is
// granted the lock then takes it out of the queues. Looked at where nothing is lost.
class SweepCheck {
 public:
  explicit SweepCheck(World& world) : world_{world} {}

  void on_granted(const Client& winner);

 private:
  bool is_queued(const Client& client, std::size_t name) const;

  World& world_;
  std::map<std::pair<std::size_t, std::size_t>, unsigned> passed_over_;  // by client and name
};

}  // namespace redlock::sim::waiting
