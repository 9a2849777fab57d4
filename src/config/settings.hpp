#pragma once

#include "base/clock.hpp"
#include "redis/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Where settings come from: flag, environment, file ([lock."NAME"] before [defaults]), built-in default.
namespace redlock::config {

// When `run` gives the lock back: at the end of the command, or of all that has come from it.
enum class ReleaseWhen { Command, All };

// The settings of one source. What is absent is left to the next source. (The {} let designated initializers
// name a few members only, without a warning.)
struct Layer {
  std::optional<Duration> ttl{};
  std::optional<Duration> wait{};
  std::optional<Duration> retry_delay{};
  std::optional<std::uint64_t> retry_count{};
  std::optional<Duration> kill_after{};
  std::optional<Duration> node_timeout{};
  std::optional<Duration> restart_quarantine{};
  std::optional<std::string> key_prefix{};
  std::optional<ReleaseWhen> release_when{};
};

// What the command line says. URLs are parsed by load().
struct Flags {
  Layer layer;
  std::vector<std::string> node_urls;      // --node, in order
  std::optional<std::string> config_file;  // --config
};

// A variable of our environment that holds a password, and what the command is given instead; nothing: it is
// left out.
struct Concealed {
  std::string variable;
  std::optional<std::string> shown;
};

// Settings for one lock: complete, checked, in range.
struct Settings {
  std::chrono::milliseconds ttl{};           // 200 ms or more
  std::optional<Duration> wait;              // how long to wait for the lock; none: for ever
  Duration retry_delay{};                    // between attempts, before jitter
  std::optional<std::uint64_t> retry_count;  // attempts after the first; none: no limit but `wait`
  Duration kill_after{};                     // between TERM and the end of the lease; at most ttl/3
  Duration node_timeout{};                   // of our own requests: never longer than the ttl
  Duration common_node_timeout{};            // as configured: what other clients may take for theirs
  Duration restart_quarantine{};             // a node younger than this has no vote
  std::string key_prefix;
  ReleaseWhen release_when = ReleaseWhen::Command;
  std::vector<redis::NodeEndpoint> nodes;  // at least one, no two alike
  std::vector<Concealed> concealed;        // no password of the nodes is the command's business
};

// Reads the file (the first of --config, $REDLOCK_CONFIG, $XDG_CONFIG_HOME/redlock/config.toml,
// ~/.config/redlock/..., /etc/redlock/config.toml) and the environment, and merges them with `flags` for the
// lock `name`. Nodes come from the first source that names any; without one: redis://127.0.0.1:6379/0.
// Warnings (a world-readable file that holds a password; two nodes) go to the log. Throws UsageError for a
// bad flag, ConfigError for a bad file or environment, with file:line:column and key.
Settings load(const Flags& flags, const std::string& name);

}  // namespace redlock::config
