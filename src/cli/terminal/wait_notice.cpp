#include "cli/terminal/wait_notice.hpp"

#include "base/duration.hpp"
#include "base/log.hpp"
#include "base/overload.hpp"
#include "base/text.hpp"
#include "cli/messages.hpp"
#include "cli/terminal/terminal.hpp"
#include "lock/report.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace redlock::cli {
namespace {

// The line is rewritten every second, so whole seconds are enough.
std::string seconds(Duration duration) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(std::max(duration, Duration::zero()));
  return whole.count() == 0 ? "0s" : human_duration(whole);
}

std::string expiry(const std::optional<Duration>& free_in, Duration since_then) {
  if (!free_in) return ", without a TTL";
  return fmt::format(", expires in {} unless extended", seconds(*free_in - since_then));
}

// What was told `since_then` ago.
std::string rest_of(const quorum::Held& held, Now now, Duration since_then) {
  quorum::HolderInfo info = held.info;
  if (info.resting->since) *info.resting->since += std::chrono::floor<std::chrono::milliseconds>(since_then);
  const auto free_in = held.free_in ? std::optional{*held.free_in - since_then} : std::nullopt;
  return describe_rest(info, free_in, now.wall_us);
}

// ", 3rd of 12 in line"
std::string standing(const std::optional<quorum::QueuePosition>& position) {
  if (!position) return "";
  const std::uint64_t number = position->ahead + 1;
  const std::uint64_t last = number % 10;
  const bool teen = number / 10 % 10 == 1;
  const char* const ending = teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
  return fmt::format(", {}{} of {} in line", number, ending, std::max(position->waiting, number));
}

std::string short_names(const std::vector<std::string>& names) {
  std::string text = quoted(names.front(), 64);
  if (names.size() > 1) text += fmt::format(" and {} more", names.size() - 1);
  return text;
}

}  // namespace

std::string waiting_line(const std::vector<std::string>& names, const quorum::AcquireVerdict& verdict,
                         TimePoint began, TimePoint heard, Now now) {
  const std::string why = std::visit(
      Overload{[&](const quorum::Held& held) {
                 const std::string which =
                     names.size() == 1 ? ""
                                       : quoted(names[std::min(held.name, names.size() - 1)], 64) + " is ";
                 if (!held.slots.empty()) {
                   auto left = held.free_in;
                   if (left)
                     left = std::chrono::floor<std::chrono::seconds>(
                         std::max(*left - (now.boot - heard), Duration::zero()));
                   return slots_taken(held, left);
                 }
                 if (held.barred) return which + describe_bar(held.holder, now.wall_us);
                 if (held.info.resting) return which + "at rest: " + rest_of(held, now, now.boot - heard);
                 return fmt::format("{}held by {}{}", which, lock::describe_holder(held.info, now.wall_us),
                                    expiry(held.free_in, now.boot - heard));
               },
               [&](const quorum::Split& split) {
                 return fmt::format("divided among {} others{}", split.contenders,
                                    expiry(split.free_in, now.boot - heard));
               },
               [](const auto&) { return std::string{"no quorum of nodes"}; }},
      verdict);
  const auto* held = std::get_if<quorum::Held>(&verdict);
  return fmt::format("redlock: waiting for {} {}{}: {}", short_names(names), seconds(now.boot - began),
                     held != nullptr ? standing(held->position) : "", why);
}

WaitNotice::WaitNotice(const std::vector<std::string>& names, const lock::Acquirer& acquirer)
    : names_{names},
      acquirer_{acquirer},
      live_{log::enabled(log::Level::Notice) && is_in_foreground(STDERR_FILENO)},
      line_{STDERR_FILENO} {
}

void WaitNotice::waiting(const quorum::AcquireVerdict& verdict) {
  const bool news = std::exchange(last_kind_, kind_of_wait(verdict)) != kind_of_wait(verdict);
  if (news) {
    const auto lines =
        explain_refusal(names_, verdict, acquirer_.troubles(), acquirer_.size(), acquirer_.holders());
    // The line of a terminal has no room for the nodes, so they are logged.
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!live_ || lines.size() > 1) log::notice(i == 0 ? lines[i] + ": waiting" : lines[i]);
    }
  }
  if (!live_) return;
  line_.show([this, verdict, heard = BootClock::now()] {
    return waiting_line(names_, verdict, began_, heard, read_clocks());
  });
}

void WaitNotice::granted() {
  clear();
  if (!last_kind_) return;
  log::notice(
      fmt::format("{} granted after {}", describe_lock(names_), human_duration(BootClock::now() - began_)));
}

}  // namespace redlock::cli
