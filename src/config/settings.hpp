#pragma once

#include "base/clock.hpp"
#include "redis/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Settings come from options, then the environment, then the file ([lock."NAME"] before [defaults]), then built-in
// defaults.
namespace redlock::config {

// When `run` releases the lock: at the end of the command, or of all processes that it has started.
enum class ReleaseWhen { Command, All };

// The settings of one source. The next source decides about absent ones. (With {} designated initializers may leave
// members out without a warning.)
struct Layer {
  std::optional<Duration> ttl{};
  std::optional<Duration> wait{};
  std::optional<Duration> retry_delay{};
  std::optional<std::uint64_t> retry_count{};
  std::optional<Duration> kill_after{};
  std::optional<Duration> node_timeout{};
  std::optional<Duration> restart_quarantine{};
  std::optional<Duration> quorum_wait{};
  std::optional<std::string> key_prefix{};
  std::optional<std::string> note{};
  std::optional<ReleaseWhen> release_when{};
  std::optional<Duration> at_least{};
  std::optional<bool> release_on_failure{};
  std::optional<std::uint64_t> slots{};
  std::optional<bool> reentrant{};
  std::uint32_t bare_numbers{};  // bit N: the duration of the N-th key of kKeys was given without a unit
};

// The longest note of a holder that the nodes store; a longer one is cut.
inline constexpr std::size_t kMostNoteBytes = 256;

// The settings of the command line. load() parses the URLs.
struct Flags {
  Layer layer;
  std::vector<std::string> node_urls;      // --node, in order
  std::optional<std::string> config_file;  // --config
};

// A variable of the environment that holds a password, and the value for the command instead of it; without one the
// command does not get the variable.
struct Concealed {
  std::string variable;
  std::optional<std::string> shown;
};

// Settings for one lock: complete, checked, in range.
struct Settings {
  std::chrono::milliseconds ttl{};           // 200 ms or more
  std::optional<Duration> wait;              // for the lock; none: for ever
  std::optional<Duration> quorum_wait;       // while no quorum answers; none: lock::default_quorum_wait()
  Duration retry_delay{};                    // between attempts, before jitter
  std::optional<std::uint64_t> retry_count;  // attempts after the first; none: no limit but `wait`
  Duration kill_after{};                     // between TERM and the end of the lease; at most ttl/3
  Duration node_timeout{};                   // of this process: never longer than the ttl
  Duration common_node_timeout{};            // as configured: other clients may use all of it
  Duration restart_quarantine{};             // a node younger than this has no vote
  std::string key_prefix;
  std::string note;  // for others to see, up to kMostNoteBytes
  ReleaseWhen release_when = ReleaseWhen::Command;
  std::chrono::milliseconds at_least{};    // from the grant on, nobody else gets the lock
  bool release_on_failure = false;         // unless the command failed
  std::size_t slots = 0;                   // of the lock; 0: it has none
  std::string slots_from{};                // where that is set, for messages
  bool reentrant = false;                  // runs under the lease of a run around this one
  std::vector<redis::NodeEndpoint> nodes;  // at least one, no two alike
  std::string file_for_nodes;              // no node is named anywhere: the file to name them in
  std::vector<Concealed> concealed;        // the command gets no password of the nodes
};

// Merges `flags`, the environment and the file (see locate_file()) for the lock `name`. Nodes come from the first source
// that names any; the default is redis://127.0.0.1:6379/0. Logs warnings (a world-readable file with a password; two
// nodes). Throws UsageError for a bad option, ConfigError with file:line:column and key for a bad file or environment.
Settings load(const Flags& flags, const std::string& name);

}  // namespace redlock::config
