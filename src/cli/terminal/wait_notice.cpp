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

// ", 3rd of 12 in line"
std::string standing(const std::optional<quorum::QueuePosition>& position) {
  if (!position) return "";
  const std::uint64_t number = position->ahead + 1;
  const std::uint64_t last = number % 10;
  const bool teen = number / 10 % 10 == 1;
  const char* const ending = teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
  return fmt::format(", {}{} of {} in line", number, ending, std::max(position->waiting, number));
}

}  // namespace

std::string waiting_line(const std::string& name, const quorum::AcquireVerdict& verdict, TimePoint began,
                         TimePoint heard, Now now) {
  const std::string why =
      std::visit(Overload{[&](const quorum::Held& held) {
                            return fmt::format("held by {}{}", lock::describe_holder(held.info, now.wall_us),
                                               expiry(held.free_in, now.boot - heard));
                          },
                          [&](const quorum::Split& split) {
                            return fmt::format("divided among {} others{}", split.contenders,
                                               expiry(split.free_in, now.boot - heard));
                          },
                          [](const auto&) { return std::string{"no quorum of nodes"}; }},
                 verdict);
  const auto* held = std::get_if<quorum::Held>(&verdict);
  return fmt::format("redlock: waiting for {} {}{}: {}", quoted(name, 64), seconds(now.boot - began),
                     held != nullptr ? standing(held->position) : "", why);
}

WaitNotice::WaitNotice(const std::string& name, const lock::Acquirer& acquirer)
    : name_{name},
      acquirer_{acquirer},
      live_{log::enabled(log::Level::Notice) && is_in_foreground(STDERR_FILENO)},
      line_{STDERR_FILENO} {
}

void WaitNotice::waiting(const quorum::AcquireVerdict& verdict) {
  const bool news = std::exchange(last_kind_, verdict.index()) != verdict.index();
  if (news) {
    const auto lines = explain_refusal(name_, verdict, acquirer_.troubles(), acquirer_.size());
    // The line of a terminal has no room for the nodes, so they are logged.
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!live_ || lines.size() > 1) log::notice(i == 0 ? lines[i] + ": waiting" : lines[i]);
    }
  }
  if (!live_) return;
  line_.show([this, verdict, heard = BootClock::now()] {
    return waiting_line(name_, verdict, began_, heard, read_clocks());
  });
}

void WaitNotice::granted() {
  clear();
  if (last_kind_ == std::variant_npos) return;
  log::notice(
      fmt::format("lock {} granted after {}", quoted(name_), human_duration(BootClock::now() - began_)));
}

}  // namespace redlock::cli
