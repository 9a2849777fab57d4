#include "cli/commands/deadline.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/readable.hpp"
#include "cli/messages.hpp"
#include "cli/surroundings.hpp"
#include "quorum/validity.hpp"

#include <variant>

namespace redlock::cli {

Deadline::Deadline(const Arguments& arguments, const config::Settings& settings,
                   const process::WatchedProcess& watched, TimePoint valid_until)
    : arguments_{arguments},
      watched_{watched},
      leash_{valid_until, settings.kill_after, quorum::stop_margin(settings.ttl)} {
  start_alarm();
}

void Deadline::start_alarm() {
  alarm_.emplace(surroundings().clock, leash_, watched_, arguments_.lost_signal.number);
}

void Deadline::lost(const quorum::Loss& loss, const std::vector<std::string>& reports, std::size_t nodes) {
  if (std::holds_alternative<quorum::ReleasedByHand>(loss)) {
    settle();
  } else {
    for (const std::string& line : explain_loss(arguments_.names, loss, reports, nodes)) log::error(line);
    tell();
  }
}

void Deadline::tell() noexcept {
  if (leash_.begin_stop()) watched_.signal(arguments_.lost_signal.number);
}

void Deadline::look_after_alarm() {
  if (alarm_ && is_readable(alarm_->fd())) {
    alarm_.reset();
    alarm_due_ = BootClock::now() + kAlarmPause;
  } else if (lacks_alarm() && BootClock::now() >= alarm_due_) {
    alarm_due_ = BootClock::now() + kAlarmPause;
    try {
      start_alarm();
    } catch (const SystemError&) {  // no process: try again
    }
  } else if (alarm_) {
    alarm_->continue_if_stopped();
  }
}

}  // namespace redlock::cli
