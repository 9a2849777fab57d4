#include "process/cancellation.hpp"

#include <csignal>
#include <variant>

namespace redlock::process {

bool asks_to_end(int signal) noexcept {
  return signal == SIGTERM || signal == SIGHUP || signal == SIGINT || signal == SIGQUIT;
}

void Cancellation::on_signal(int signal, TimePoint now) noexcept {
  if (!asks_to_end(signal)) return;
  if (asked_ != SIGTERM) asked_ = signal;  // nothing takes back a TERM
  asked_at_ = now;
}

std::optional<int> Cancellation::cancelled_by(const ExitReason& reason, TimePoint now) const noexcept {
  if (const auto* signalled = std::get_if<Signalled>(&reason)) {
    return asks_to_end(signalled->signal) ? signalled->signal : asked_;
  }
  const auto* exited = std::get_if<Exited>(&reason);
  if (exited == nullptr) return std::nullopt;  // stopped or never started: nothing is left
  const bool in_good_order = exited->status == 0;
  const bool long_ago = now - asked_at_ > kill_after_;
  return in_good_order && asked_ != SIGTERM && long_ago ? std::nullopt : asked_;
}

}  // namespace redlock::process
