#pragma once

#include <cstddef>
#include <map>

namespace redlock::sim::waiting {

class Client;
class World;

// Whether the oldest waiter gets its turn: of all that want one of its names it has waited longest, and the others get one
// of them only a few times before it has them all. Looked at where nothing is lost.
class TurnCheck {
 public:
  explicit TurnCheck(World& world) : world_{world} {}

  void on_granted(const Client& winner);

 private:
  bool is_oldest(const Client& client) const;

  World& world_;
  std::map<std::size_t, unsigned> passed_over_;  // by client: since it is the oldest
};

}  // namespace redlock::sim::waiting
