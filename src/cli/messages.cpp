#include "cli/messages.hpp"

#include "base/clock.hpp"
#include "base/duration.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace redlock::cli {
namespace {

constexpr std::size_t kMostLines = 16;  // about slots or holders

struct Refusal {
  const std::vector<std::string>& names;
  const std::vector<std::string>& reports;
  std::size_t nodes;
  const std::vector<lock::ShownHolder>& holders;

  std::vector<std::string> operator()(const quorum::Held& held) const {
    if (!held.slots.empty()) return of_slots(held);
    const std::string& name = names[std::min(held.name, names.size() - 1)];
    if (held.barred)
      return {fmt::format("lock {} is free, but {}", quoted(name),
                          describe_bar(held.holder, read_clocks().wall_us))};
    return {fmt::format("lock {} {}", quoted(name),
                        describe_hold(held.info, held.free_in, read_clocks().wall_us))};
  }
  // "  redis://10.0.0.1:6379/0: lock 'a' is held by ...": who stands in the way, and where.
  void add_holders(std::vector<std::string>& lines) const {
    const std::uint64_t now_us = read_clocks().wall_us;
    for (std::size_t i = 0; i < std::min(holders.size(), kMostLines); ++i) {
      const quorum::Refused& refused = holders[i].refused;
      const bool ends = refused.remaining.count() >= 0;
      const std::string what = holders[i].of_slot
                                   ? fmt::format("slot {}", refused.name)
                                   : "lock " + quoted(names[std::min(refused.name, names.size() - 1)]);
      lines.push_back(fmt::format(
          "  {}: {} {}", fmt::join(holders[i].nodes, ", "), what,
          describe_hold(refused.info, ends ? std::optional<Duration>{refused.remaining} : std::nullopt,
                        now_us)));
    }
    if (holders.size() > kMostLines)
      lines.push_back(fmt::format("  and {} more", holders.size() - kMostLines));
  }
  std::vector<std::string> of_slots(const quorum::Held& held) const {
    const std::uint64_t now_us = read_clocks().wall_us;
    std::vector<std::string> lines{
        fmt::format("lock {}: {}", quoted(names.front()), slots_taken(held, held.free_in))};
    for (std::size_t i = 0; i < std::min(held.slots.size(), kMostLines); ++i)
      lines.push_back(fmt::format("  slot {} {}", i + 1,
                                  describe_hold(held.slots[i].info, held.slots[i].free_in, now_us)));
    if (held.slots.size() > kMostLines)
      lines.push_back(fmt::format("  and {} more", held.slots.size() - kMostLines));
    return lines;
  }
  std::vector<std::string> operator()(const quorum::Split& split) const {
    const bool of_slots = !holders.empty() && holders.front().of_slot;
    std::vector<std::string> lines{
        of_slots ? fmt::format("no slot of {} is free: some are divided among contenders, and none of them "
                               "completes one",
                               describe_lock(names))
                 : fmt::format("{} divided among {} other contender{}, and none of them completes it{}",
                               describe_lock(names, "is"), split.contenders, split.contenders == 1 ? "" : "s",
                               explain_expiry(split.free_in))};
    add_holders(lines);
    return lines;
  }
  std::vector<std::string> operator()(const quorum::NoQuorum&) const {
    const std::size_t needed = quorum::votes_needed(nodes);
    std::vector<std::string> lines{fmt::format("no quorum for {}: {} of {} node{} could vote, {} needed",
                                               describe_lock(names), nodes - reports.size(), nodes,
                                               nodes == 1 ? "" : "s", needed)};
    for (const std::string& report : reports) lines.push_back("  " + report);
    add_holders(lines);
    const auto resting = std::find_if(holders.begin(), holders.end(), [](const lock::ShownHolder& holder) {
      return holder.refused.info.resting.has_value();
    });
    if (resting != holders.end()) {
      lines.push_back("  the nodes that restarted may have forgotten that rest. 'redlock break' ends it");
    }
    return lines;
  }
  std::vector<std::string> operator()(const quorum::TooLate& late) const {
    return {
        fmt::format("no quorum for {}: the nodes took {} to agree, which leaves too little of the ttl. "
                    "Use a longer --ttl",
                    describe_lock(names), human_duration(late.took))};
  }
  std::vector<std::string> operator()(const quorum::SameServer&) const { return {}; }
  std::vector<std::string> operator()(const quorum::Won&) const { return {}; }
  std::vector<std::string> operator()(const quorum::Cancelled&) const { return {}; }
};

}  // namespace

std::string describe_lock(const std::vector<std::string>& names, std::string_view verb) {
  if (names.size() == 1)
    return fmt::format("lock {}{}{}", quoted(names.front()), verb.empty() ? "" : " ", verb);
  std::string text = "locks ";
  for (const std::string& name : names)
    text += fmt::format("{}{}", &name == &names.front() ? "" : ", ", quoted(name));
  if (!verb.empty()) text += verb == "is" ? " are" : " were";
  return text;
}

std::string one_a_line(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, "\n"));
}

std::vector<std::string> explain_refusal(const std::vector<std::string>& names,
                                         const quorum::AcquireVerdict& verdict,
                                         const std::vector<std::string>& reports, std::size_t nodes,
                                         const std::vector<lock::ShownHolder>& holders) {
  return std::visit(Refusal{names, reports, nodes, holders}, verdict);
}

std::string explain_nesting(const std::string& name, const quorum::HolderInfo& holder, std::size_t slots,
                            bool reentrant) {
  const std::string what =
      slots > 1
          ? fmt::format("all {} slots of lock {} are held around this process, one", slots, quoted(name))
          : fmt::format("lock {} is held", quoted(name));
  return fmt::format("{} by {}, to which this process belongs: it would wait for itself{}", what,
                     lock::describe_holder(holder, read_clocks().wall_us),
                     reentrant ? ". With --reentrant the command runs under that lock" : "");
}

std::string describe_hold(const quorum::HolderInfo& info, const std::optional<Duration>& free_in,
                          std::uint64_t now_us) {
  if (info.resting) return "rests: " + describe_rest(info, free_in, now_us);
  return fmt::format("is held by {}{}", lock::describe_holder(info, now_us), explain_expiry(free_in));
}

// By our own clock: those of the hosts may differ.
std::string describe_rest(const quorum::HolderInfo& info, const std::optional<Duration>& free_in,
                          std::uint64_t now_us) {
  using std::chrono::microseconds;
  const std::string host = info.host.empty() ? "another host" : printable(info.host, 255);
  std::string text = fmt::format("ran on {}, ended with {}", host, info.resting->status);
  if (info.resting->since) {
    const auto ago = static_cast<std::uint64_t>(microseconds{*info.resting->since}.count());
    text += fmt::format(" at {}", format_local_time(now_us - std::min(ago, now_us), now_us));
  }
  if (free_in) {
    const auto left =  // no second too early
        std::chrono::ceil<microseconds>(*free_in) + std::chrono::seconds{1} - microseconds{1};
    text += fmt::format(", may run again at {}",
                        format_local_time(now_us + static_cast<std::uint64_t>(left.count()), now_us));
  }
  if (!info.note.empty()) text += fmt::format(", note {}", quoted(info.note, 256));
  return text;
}

// Names in the queue begin with the microseconds at which the client began to wait, by the clock of its host.
std::string describe_bar(const quorum::Token& waiter, std::uint64_t now_us) {
  const std::string_view name = waiter.value;
  const auto began_us = parse_number<std::uint64_t>(name.substr(0, name.find('-')));
  const bool known = began_us && *began_us > 0 && *began_us <= now_us;
  return fmt::format("kept for the next in line{}, which waits for several locks or was passed over",
                     known ? " since " + human_duration(std::chrono::microseconds{now_us - *began_us}) : "");
}

KindOfWait kind_of_wait(const quorum::AcquireVerdict& verdict) {
  const auto* held = std::get_if<quorum::Held>(&verdict);
  return {verdict.index(), held != nullptr && held->info.resting, held != nullptr && held->barred};
}

std::string explain_expiry(const std::optional<Duration>& free_in) {
  return free_in ? fmt::format("; it expires in {} unless extended", human_duration(*free_in))
                 : std::string{"; its key has no TTL, so it never expires by itself"};
}

std::string slots_taken(const quorum::Held& held, const std::optional<Duration>& free_in) {
  const bool one = held.slots.size() == 1;
  const std::string taken =
      one ? "the only slot is taken" : fmt::format("all {} slots are taken", held.slots.size());
  if (!free_in) return taken + "; the keys have no TTL, so they never expire by themselves";
  return fmt::format("{}; {} falls free in {}{}", taken, one ? "it" : "the first", human_duration(*free_in),
                     held.info.resting ? "" : " unless extended");
}

std::vector<std::string> explain_loss(const std::vector<std::string>& names, const quorum::Loss& loss,
                                      const std::vector<std::string>& reports, std::size_t nodes,
                                      bool overslept) {
  struct LossWords {
    std::string lock_was;
    bool several;
    std::size_t nodes;
    bool overslept;
    std::string it() const { return several ? "one of them" : "it"; }
    std::string operator()(const quorum::Taken&) const {
      return fmt::format("{} lost: a quorum of nodes says that somebody else has {}", lock_was, it());
    }
    std::string operator()(const quorum::Vanished&) const {
      return fmt::format(
          "{} lost: {} is gone from all nodes: they restarted empty, or it was broken or deleted", lock_was,
          it());
    }
    std::string operator()(const quorum::ReleasedByHand&) const {
      return fmt::format("{} lost: somebody who knows the token has released {}", lock_was, it());
    }
    std::string operator()(const quorum::Broken&) const {
      return fmt::format("{} lost: somebody has broken {}", lock_was, it());
    }
    std::string operator()(const quorum::Expired&) const {
      if (overslept) {
        return fmt::format(
            "{} lost: redlock itself did not run in time to extend {}: it was stopped, or the "
            "machine was "
            "suspended or overloaded",
            lock_was, several ? "them" : "it");
      }
      return fmt::format("{} lost: no quorum of nodes has extended {} in time: {} of {} needed", lock_was,
                         several ? "them" : "it", quorum::votes_needed(nodes), nodes);
    }
  };
  std::vector<std::string> lines{
      std::visit(LossWords{describe_lock(names, "was"), names.size() > 1, nodes, overslept}, loss)};
  if (!std::holds_alternative<quorum::Expired>(loss) || overslept) return lines;
  for (const std::string& report : reports) lines.push_back("  " + report);
  return lines;
}

bool overslept(TimePoint due, Duration ttl) {
  return BootClock::now() - due > std::min<Duration>(std::chrono::seconds{1}, ttl / 3);
}

}  // namespace redlock::cli
