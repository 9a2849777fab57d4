#pragma once

#include "cli/event_log.hpp"
#include "lock/observer.hpp"
#include "quorum/acquire_verdict.hpp"
#include "quorum/lease.hpp"
#include "quorum/release_op.hpp"

#include <optional>
#include <string>
#include <vector>

namespace redlock::cli {

// The life of one lock as events (redlock(1), EVENTS). Nothing here blocks.
class LockEvents final : public lock::Observer {
 public:
  // Throws as EventLog does.
  LockEvents(const std::optional<std::string>& target, std::vector<std::string> names);

  void waiting(const quorum::AcquireVerdict& verdict);  // if the kind of verdict has changed
  void gave_up(const quorum::AcquireVerdict& verdict);  // it is not asked for again
  void acquired(const quorum::Won& won, std::size_t nodes, const std::string& note);  // empty: none
  void extended(TimePoint valid_until);
  void extend_failed(unsigned in_a_row, TimePoint valid_until);
  void lost(const quorum::Loss& loss);
  void stopped(int survivors);
  void released(quorum::ReleaseResult result);
  // The command runs under the lock of a run around this one.
  void nested(const quorum::HolderInfo& holder, const std::string& fence);
  void resting(quorum::ReleaseResult result, const quorum::Rest& rest);  // instead of released()

  void flush() noexcept { log_.flush(); }  // see EventLog
  int fd() const noexcept { return log_.fd(); }

  void node_down(const std::string& node, const std::string& why) override;
  void node_up(const std::string& node) override;

 private:
  void write(std::string_view event, std::vector<Json::Member> members = {});

  EventLog log_;
  std::vector<std::string> names_;
  std::string name_;  // all of them, one a line
  std::optional<quorum::Fence> fence_;
  quorum::Slot slot_ = 0;  // that is ours; from then on the name is its name
};

}  // namespace redlock::cli
