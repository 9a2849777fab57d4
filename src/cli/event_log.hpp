#pragma once

#include "cli/json.hpp"
#include "quorum/types.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::cli {

// `--events FILE|fd:N`: JSON objects, a line each, for cron monitors and log collectors. A thread of its own writes
// them, started by the first event, so that a disk that is full, slow or gone and a pipe that nobody reads hold up
// nothing: what cannot be written in time is dropped, which the next line that can be written tells ("dropped": N).
class EventLog {
 public:
  // Opens FILE for appending (created with mode 0600), or duplicates descriptor N. Throws UsageError for a descriptor
  // that is none or cannot be written, SystemError for a file that cannot be opened. Without a target: writes nothing.
  explicit EventLog(const std::optional<std::string>& target);
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  ~EventLog() { flush(); }

  bool enabled() const noexcept { return shared_ != nullptr; }

  // Queues {"time": now, "event": `event`, "name": ..., "fence": ..., MEMBERS}. Any thread; never blocks. `fence` is
  // left out while there is none.
  void write(std::string_view event, const std::string& name, std::optional<quorum::Fence> fence,
             std::vector<Json::Member> members = {}) noexcept;

  // Waits until all is written, for a second at the most.
  void flush() noexcept;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace redlock::cli
