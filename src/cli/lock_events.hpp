#pragma once

#include "cli/event_log.hpp"
#include "lock/observer.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/lease.hpp"
#include "quorum/release_op.hpp"

#include <optional>
#include <string>

namespace redlock::cli {

// The life of one lock as events (redlock(1), EVENTS). Nothing here blocks.
class LockEvents final : public lock::Observer {
 public:
  // Throws as EventLog does.
  LockEvents(const std::optional<std::string>& target, std::string name)
      : log_{target}, name_{std::move(name)} {}

  void waiting(const quorum::AcquireVerdict& verdict);  // if the kind of verdict has changed
  void acquired(const quorum::Won& won, std::size_t nodes);
  void extended(TimePoint valid_until);
  void extend_failed(unsigned in_a_row, TimePoint valid_until);
  void lost(const quorum::Loss& loss);
  void stopped(int survivors);
  void released(quorum::ReleaseResult result);

  void flush() noexcept { log_.flush(); }  // see EventLog
  int fd() const noexcept { return log_.fd(); }

  void node_down(const std::string& node, const std::string& why) override;
  void node_up(const std::string& node) override;

 private:
  void write(std::string_view event, std::vector<Json::Member> members = {}) {
    log_.write(event, name_, fence_, std::move(members));
  }

  EventLog log_;
  std::string name_;
  std::optional<quorum::Fence> fence_;
};

}  // namespace redlock::cli
