#pragma once

#include "quorum/types.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace redlock::quorum {

// Names one server, whichever address leads to it: a digest of its run_id, or something of its own for a node that does
// not say who it is.
using ServerId = std::uint64_t;

// The holders that refusals have shown, each for as long as it may still hold the lock: until the TTL that was left of its
// key has passed, or the server that showed the key has it no longer although that time is not over. Then the key was
// deleted there, and that is a holder's last act.
class SeenHolders {
 public:
  // One answer to an acquire or probe request.
  struct ShownHolders {
    TimePoint sent;
    TimePoint read;
    NodeIndex node;
    std::optional<ServerId> server;  // none: it does not say who it is, and may have restarted unnoticed
    const Refused* refused;  // of all names that are not to be had; null: all keys are absent, or ours
  };
  void on_answer(const ShownHolders& answer);

  // The longest TTL of those that may hold the lock at `at`; zero without any.
  Duration longest_ttl(TimePoint at) const;

  // How long after `at` one of them may go on that a node does not remember for sure: a node that has been up for `uptime`
  // then. Zero: there is none.
  Duration unknown_for(Duration uptime, TimePoint at) const;

 private:
  // Of one holder on one node.
  struct Sighting {
    NodeIndex node;
    std::optional<ServerId> server;
    Token holder;
    Duration ttl;           // that the holder asks for, or what its key had left
    TimePoint there_until;  // no earlier does the key expire on the server
    TimePoint gone_by;      // and no later
  };
  void add(const ShownHolders& answer, const Refused& refused);

  std::vector<Sighting> sightings_;
};

}  // namespace redlock::quorum
