#include "cli/lock_events.hpp"

#include "base/overload.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "cli/messages.hpp"
#include "lock/report.hpp"
#include "redis/keys.hpp"

#include <chrono>
#include <string_view>

namespace redlock::cli {
namespace {

std::int64_t milliseconds_until(TimePoint at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at - BootClock::now()).count();
}

void add_holder(std::vector<Json::Member>& members, const quorum::Held& held) {
  if (held.barred) {
    members.emplace_back("reason", "kept");
    return;
  }
  const std::uint64_t now_us = read_clocks().wall_us;
  const auto& resting = held.info.resting;
  members.emplace_back("reason", resting ? "resting" : "held");
  members.emplace_back("holder", resting ? describe_rest(held.info, held.free_in, now_us)
                                         : lock::describe_holder(held.info, now_us));
  if (!resting) return;
  members.emplace_back("exit_status", resting->status);
  if (!held.free_in) return;
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(*held.free_in).count();
  members.emplace_back("expires_at", format_timestamp(now_us + static_cast<std::uint64_t>(left)));
}

std::string_view name_of(quorum::ReleaseResult result) {
  using enum quorum::ReleaseResult;
  switch (result) {
    case Ours: return "ours";
    case Expired: return "expired";
    case Others: return "others";
    case NoQuorum: return "unknown";
  }
  return {};
}

std::vector<Json::Member> why_not_granted(const quorum::AcquireVerdict& verdict) {
  std::vector<Json::Member> members;
  std::visit(Overload{[&](const quorum::Held& held) {
                        add_holder(members, held);
                        if (!held.slots.empty()) members.emplace_back("slots", held.slots.size());
                        if (!held.position) return;
                        members.emplace_back("ahead", held.position->ahead);
                        members.emplace_back("waiting", held.position->waiting);
                      },
                      [&](const quorum::Split&) { members.emplace_back("reason", "divided"); },
                      [&](const quorum::TooLate&) { members.emplace_back("reason", "too_late"); },
                      [&](const quorum::Cancelled&) { members.emplace_back("reason", "signal"); },
                      [&](const quorum::SameServer&) { members.emplace_back("reason", "same_server"); },
                      [&](const auto&) { members.emplace_back("reason", "no_quorum"); }},
             verdict);
  return members;
}

}  // namespace

LockEvents::LockEvents(const std::optional<std::string>& target, std::vector<std::string> names)
    : log_{target}, names_{std::move(names)}, name_{one_a_line(names_)} {
}

void LockEvents::write(std::string_view event, std::vector<Json::Member> members) {
  if (slot_ > 0) members.insert(members.begin(), {"slot", slot_});
  if (names_.size() > 1) members.insert(members.begin(), {"names", names_to_json(names_)});
  log_.write(event, name_, fence_, std::move(members));
}

void LockEvents::waiting(const quorum::AcquireVerdict& verdict) {
  if (log_.enabled()) write("waiting", why_not_granted(verdict));
}

void LockEvents::gave_up(const quorum::AcquireVerdict& verdict) {
  if (log_.enabled()) write("gave_up", why_not_granted(verdict));
}

void LockEvents::acquired(const quorum::Won& won, std::size_t nodes, const std::string& note) {
  fence_ = won.fence;
  slot_ = won.slot;
  if (slot_ > 0) {
    names_ = {redis::slot_name(names_.front(), slot_)};
    name_ = names_.front();
  }
  std::vector<Json::Member> members{
      {"votes", won.voters.size()}, {"nodes", nodes}, {"validity_ms", milliseconds_until(won.valid_until)}};
  if (!note.empty()) members.emplace_back("note", note);
  write("acquired", std::move(members));
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
  write("released", {{"was", name_of(result)}});
}

void LockEvents::resting(quorum::ReleaseResult result, const quorum::Rest& rest) {
  write("resting",
        {{"was", name_of(result)}, {"exit_status", rest.status}, {"rest_ms", rest.length.count()}});
}

void LockEvents::nested(const quorum::HolderInfo& holder, const std::string& fence) {
  fence_ = parse_number<quorum::Fence>(fence);
  write("nested", {{"holder", lock::describe_holder(holder, read_clocks().wall_us)}});
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
