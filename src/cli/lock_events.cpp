#include "cli/lock_events.hpp"

#include "base/overload.hpp"
#include "cli/messages.hpp"
#include "lock/report.hpp"

#include <chrono>

namespace redlock::cli {
namespace {

std::int64_t milliseconds_until(TimePoint at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at - BootClock::now()).count();
}

}  // namespace

void LockEvents::waiting(const quorum::AcquireVerdict& verdict) {
  if (!log_.enabled()) return;
  std::vector<Json::Member> members;
  std::visit(Overload{[&](const quorum::Held& held) {
                        members.emplace_back("reason", "held");
                        members.emplace_back("holder",
                                             lock::describe_holder(held.info, read_clocks().wall_us));
                        if (!held.position) return;
                        members.emplace_back("ahead", held.position->ahead);
                        members.emplace_back("waiting", held.position->waiting);
                      },
                      [&](const quorum::Split&) { members.emplace_back("reason", "divided"); },
                      [&](const quorum::TooLate&) { members.emplace_back("reason", "too_late"); },
                      [&](const auto&) { members.emplace_back("reason", "no_quorum"); }},
             verdict);
  write("waiting", std::move(members));
}

void LockEvents::acquired(const quorum::Won& won, std::size_t nodes) {
  fence_ = won.fence;
  write(
      "acquired",
      {{"votes", won.voters.size()}, {"nodes", nodes}, {"validity_ms", milliseconds_until(won.valid_until)}});
}

void LockEvents::lost(const quorum::Loss& loss) {
  const char* const reason = std::visit(Overload{[](const quorum::Taken&) { return "taken"; },
                                                 [](const quorum::Vanished&) { return "vanished"; },
                                                 [](const quorum::Expired&) { return "expired"; },
                                                 [](const quorum::ReleasedByHand&) { return "given_back"; },
                                                 [](const quorum::Broken&) { return "broken"; }},
                                        loss);
  write("lost", {{"reason", reason}});
}

void LockEvents::stopped(int survivors) {
  write("stopped", {{"survivors", survivors}});
}

void LockEvents::released(quorum::ReleaseResult result) {
  using enum quorum::ReleaseResult;
  const char* was = "";
  switch (result) {
    case Ours: was = "ours"; break;
    case Expired: was = "expired"; break;
    case Others: was = "others"; break;
    case NoQuorum: was = "unknown"; break;
  }
  write("released", {{"was", was}});
}

void LockEvents::node_down(const std::string& node, const std::string& why) {
  write("node_down", {{"node", node}, {"why", why}});
}

void LockEvents::node_up(const std::string& node) {
  write("node_up", {{"node", node}});
}

void LockEvents::extended(TimePoint valid_until) {
  write("extended", {{"validity_ms", milliseconds_until(valid_until)}});
}

void LockEvents::extend_failed(unsigned in_a_row, TimePoint valid_until) {
  write("extend_failed", {{"in_a_row", in_a_row}, {"validity_ms", milliseconds_until(valid_until)}});
}

}  // namespace redlock::cli
