#pragma once

#include "cli/args/options.hpp"
#include "config/settings.hpp"
#include "process/alarm.hpp"
#include "process/leash.hpp"
#include "process/watched_process.hpp"
#include "quorum/lease.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace redlock::cli {

// For `acquire --while-pid`: signals the watched process when the lease is about to end. An alarm does so if this process
// cannot.
class Deadline {
 public:
  // All but `valid_until` must outlive this object.
  Deadline(const Arguments& arguments, const config::Settings& settings,
           const process::WatchedProcess& watched, TimePoint valid_until);

  void extend(TimePoint valid_until) noexcept { leash_.extend(valid_until); }

  // A release with the token is what the process wanted. It must hear of anything else. `reports`, `nodes`: see
  // explain_loss().
  void lost(const quorum::Loss& loss, const std::vector<std::string>& reports, std::size_t nodes);
  void tell() noexcept;

  // The process need not hear of anything any more.
  void settle() noexcept { leash_.claim_own_exit(); }

  int alarm_fd() const noexcept { return alarm_ ? alarm_->fd() : -1; }
  bool lacks_alarm() const noexcept { return !alarm_ && !leash_.stop_begun(); }
  // Continues an alarm that was stopped, and replaces one that was killed. The pause keeps this process idle if each alarm is
  // killed at once.
  void look_after_alarm();
  static constexpr std::chrono::milliseconds kAlarmPause{1000};

 private:
  void start_alarm();

  const Arguments& arguments_;
  const process::WatchedProcess& watched_;
  process::Leash leash_;
  std::optional<process::Alarm> alarm_;
  TimePoint alarm_due_{};  // of the next one, while there is none
};

}  // namespace redlock::cli
