#pragma once

#include "base/clock.hpp"
#include "process/channel.hpp"
#include "process/child.hpp"

#include <sys/types.h>

#include <optional>
#include <utility>

namespace redlock::process {

// The guard as redlock sees it: a child that must stay able to answer. One that was stopped is continued; one that does
// not answer in time (a tracer holds it, say) has to be replaced.
class GuardLink {
 public:
  // `channel` (redlock's end) and `clock` must outlive this object.
  GuardLink(OwnedChild guard, const Channel& channel, Clock& clock) noexcept
      : guard_{std::move(guard)}, channel_{channel}, clock_{clock} {}

  explicit operator bool() const noexcept { return static_cast<bool>(guard_); }
  pid_t pid() const noexcept { return guard_.pid(); }

  // Continues it if somebody has stopped it. Call it on SIGCHLD.
  void continue_if_stopped() noexcept;

  // Asks for an answer within `limit`.
  void ping(Duration limit) noexcept;
  void on_pong() noexcept { answer_due_.reset(); }
  std::optional<TimePoint> answer_due() const noexcept { return answer_due_; }
  bool is_silent() const noexcept { return answer_due_ && clock_.boot_now() >= *answer_due_; }

  // Kills it; see OwnedChild::end().
  bool end() noexcept { return guard_.end(); }
  OwnedChild take() noexcept { return std::move(guard_); }

 private:
  OwnedChild guard_;
  const Channel& channel_;
  Clock& clock_;
  std::optional<TimePoint> answer_due_;
};

// How long a guard may take to answer.
inline constexpr Duration kTimeToAnswer = std::chrono::milliseconds{500};

}  // namespace redlock::process
