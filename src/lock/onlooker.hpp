#pragma once

#include "net/surroundings.hpp"
#include "quorum/ids.hpp"
#include "quorum/lock_status.hpp"
#include "quorum/membership.hpp"
#include "quorum/release_op.hpp"
#include "redis/nodes.hpp"

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace redlock::lock {

struct OnlookerOptions {
  net::Surroundings surroundings;
  std::vector<redis::NodeEndpoint> nodes;
  Duration node_timeout;        // per node and round trip
  Duration restart_quarantine;  // see quorum::Membership
  std::string key;              // of the lock that may be broken; empty where none is
};

struct Question {
  quorum::NodeIndex node;
  std::vector<std::string> words;  // of a command that changes nothing (redis::Query)
};

struct Heard {
  TimePoint sent;
  Duration took;  // with what it took to connect, where that was needed
  std::variant<redis::Value, quorum::Failure> what;
};

// Looks at locks and nodes on one set of connections.
class Onlooker {
 public:
  explicit Onlooker(OnlookerOptions options);

  Clock& clock() const { return surroundings_.clock; }
  std::size_t size() const { return nodes_.size(); }
  const redis::NodeEndpoint& endpoint(quorum::NodeIndex node) const { return nodes_.endpoint(node); }
  const quorum::Membership& membership() const { return membership_; }

  // Asks everything at once and returns what came of each question, in their order; node_timeout at the most. Nothing
  // when a descriptor of `wake_fds` was readable before.
  std::optional<std::vector<Heard>> ask(const std::vector<Question>& questions,
                                        std::span<const int> wake_fds = {});

  // Looks at several locks, given by their keys, in one round trip: what came of it, lock by lock. Nodes that hung when they
  // were last asked are left out with `skip_hung`: who looks many times need not wait for them each time.
  std::optional<std::vector<quorum::Observations>> look(const std::vector<std::string>& keys,
                                                        std::span<const int> wake_fds = {},
                                                        bool skip_hung = false);

  // Releases the lock of OnlookerOptions::key on every node that still has this very token, whoever planted it.
  struct Breaking {
    quorum::ReleaseResult result;
    std::size_t removed;  // on so many nodes
  };
  // A note of it stays on every node that is reached (quorum::ReleaseRequest), for at least `note`.
  Breaking release(const quorum::Token& token, std::chrono::milliseconds note);

 private:
  void hear(const redis::Event& event);

  net::Surroundings surroundings_;
  Duration node_timeout_;
  redis::Nodes nodes_;
  quorum::Membership membership_;
  quorum::RequestIds ids_;
  std::vector<bool> hung_;  // the last question to the node timed out
  std::vector<redis::Event> events_;
};

}  // namespace redlock::lock
