#pragma once

#include "clocks.hpp"
#include "quorum/types.hpp"

#include <cstdint>
#include <string>

// What the referee knows of the parts of a world, whichever simulator they are of.
namespace redlock::sim {

// A client's process.
class ClientView {
 public:
  virtual ~ClientView() = default;
  virtual const std::string& name() const = 0;
  virtual bool dead() const = 0;
  virtual Now now() const = 0;                        // by its clock
  virtual TimePoint read(Instant instant) const = 0;  // the same, at any time
};

// A server, as far as the names of a world are concerned.
class ServerView {
 public:
  virtual ~ServerView() = default;
  virtual std::size_t index() const = 0;
  virtual const std::string& name() const = 0;

  virtual const std::string* holder(std::size_t name) const = 0;  // the token that is there; nullptr: none
  // The one that is still written down, expired or not, and the last millisecond of its life.
  virtual const std::string* last_holder(std::size_t name) const = 0;
  virtual std::int64_t last_ms(std::size_t name) const = 0;
  virtual quorum::Fence counter(std::size_t name) const = 0;
  virtual std::int64_t counter_last_ms(std::size_t name) const = 0;  // of its life
  virtual quorum::Fence written_fence(std::size_t name) const = 0;   // beside the token; 0: none

  virtual unsigned losses() const = 0;     // how often it has forgotten everything
  virtual Instant started_at() const = 0;  // the process
  virtual Instant gone_at(std::int64_t last_ms) const = 0;
};

}  // namespace redlock::sim
