#pragma once

#include "lock/acquirer.hpp"
#include "lock/driver.hpp"
#include "quorum/extend_op.hpp"
#include "quorum/lease.hpp"
#include "quorum/release_op.hpp"
#include "redis/nodes.hpp"
#include "whole/program.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

// What the commands of the program do with lock/, and nothing else: the only part of the simulator that knows its calls.
namespace redlock::sim {

// The settings of one program.
struct LockSettings {
  std::vector<redis::NodeEndpoint> nodes;
  std::vector<std::string> keys;
  std::chrono::milliseconds ttl;
  Duration node_timeout;         // of its own round trips
  Duration common_node_timeout;  // as configured: the same for all
  Duration quarantine;
  Duration lead;          // kill_after
  std::size_t slots = 0;  // of the one key, which it wants one of

  // Of a holder: what it has.
  LockSettings of(quorum::Slot slot) const;
};

// `redlock run`, `acquire`: one process that takes the lock, may keep it, and gives it back.
class LockRun {
 public:
  LockRun(Program& program, const LockSettings& settings);

  struct Patience {
    bool nonblock;
    Duration wait;  // otherwise
    Duration retry_delay;
  };
  quorum::AcquireVerdict acquire(const Patience& patience, std::span<const int> wake_fds,
                                 const std::function<void(const quorum::AcquireVerdict&)>& on_waiting);
  // Until it is lost, or a descriptor is readable.
  std::optional<quorum::Loss> keep(const quorum::Won& won, std::span<const int> wake_fds,
                                   const std::function<void(TimePoint)>& extended);
  // Lets what is under way end, for the time of a node_timeout.
  void settle() { acquirer_.settle(); }
  void release(const quorum::Won& won, std::optional<quorum::Rest> rest);

 private:
  Program& program_;
  LockSettings settings_;
  lock::Driver driver_;
  lock::Acquirer acquirer_;
};

// `redlock extend`, `release`, `break` and `status`: a process each.
quorum::ExtendVerdict extend_by_hand(Program& program, const LockSettings& settings,
                                     const quorum::Token& token, std::chrono::milliseconds ttl);
quorum::ReleaseResult release_by_hand(Program& program, const LockSettings& settings,
                                      const quorum::Token& token);
quorum::ReleaseResult break_lock(Program& program, const LockSettings& settings, const quorum::Token& token);
void look(Program& program, const LockSettings& settings);

}  // namespace redlock::sim
