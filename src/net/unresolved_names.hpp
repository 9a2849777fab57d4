#pragma once

#include "base/clock.hpp"
#include "net/connection_failure.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace redlock::net {

// Names that did not resolve. Attempts to connect may come many times a second; a name server is not asked for the same name
// again before a pause is over, which doubles with each failure in a row.
class UnresolvedNames {
 public:
  static constexpr std::chrono::milliseconds kLeastPause{500};
  static constexpr std::chrono::seconds kGreatestPause{4};

  // The last failure, if the name is not to be asked for yet.
  std::optional<ConnectionFailure> find(const std::string& host, TimePoint now) const;

  void on_failure(const std::string& host, TimePoint now, const ConnectionFailure& failure);
  void on_success(const std::string& host) { names_.erase(host); }

 private:
  struct Unresolved {
    ConnectionFailure failure;
    TimePoint ask_again;
    Duration pause;
  };
  std::map<std::string, Unresolved> names_;
};

}  // namespace redlock::net
