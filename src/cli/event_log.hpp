#pragma once

#include "cli/json.hpp"
#include "quorum/types.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::cli {

// `--events FILE|fd:N`: JSON objects, one a line, for cron monitors and log collectors. The first event starts a thread that
// writes them, so that a full or slow disk or a pipe without a reader delays nothing. Events that cannot be written in time
// are dropped; the next line counts them ("dropped": N).
class EventLog {
 public:
  // Opens FILE for appending (created with mode 0600), or duplicates descriptor N. Throws UsageError if the descriptor does
  // not exist or is not writable, SystemError if the file cannot be opened. Without a target it writes nothing.
  explicit EventLog(const std::optional<std::string>& target);
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  ~EventLog() { flush(); }

  bool enabled() const noexcept { return shared_ != nullptr; }
  int fd() const noexcept;  // of the target; -1 without one

  // Queues {"time": now, "event": `event`, "name": ..., "host": ..., "pid": this process, "fence": ..., MEMBERS}, without
  // "fence" if there is none. Never
  // blocks. Any thread may call it.
  void write(std::string_view event, const std::string& name, std::optional<quorum::Fence> fence,
             std::vector<Json::Member> members = {}) noexcept;

  // Waits until all events are written, for a second at most.
  void flush() noexcept;

 private:
  struct Writer;
  std::shared_ptr<Writer> shared_;
};

}  // namespace redlock::cli
