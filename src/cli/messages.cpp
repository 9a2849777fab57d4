#include "cli/messages.hpp"

#include "base/clock.hpp"
#include "base/duration.hpp"
#include "base/text.hpp"
#include "lock/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace redlock::cli {
namespace {

struct Refusal {
  const std::string& name;
  const std::vector<std::string>& reports;
  std::size_t nodes;

  std::vector<std::string> operator()(const quorum::Held& held) const {
    return {fmt::format("lock {} is held by {}{}", quoted(name),
                        lock::describe_holder(held.info, read_clocks().wall_us),
                        explain_expiry(held.free_in))};
  }
  std::vector<std::string> operator()(const quorum::Split& split) const {
    return {fmt::format("lock {} is divided among {} other contender{}, and none of them completes it{}",
                        quoted(name), split.contenders, split.contenders == 1 ? "" : "s",
                        explain_expiry(split.free_in))};
  }
  std::vector<std::string> operator()(const quorum::NoQuorum&) const {
    const std::size_t needed = quorum::votes_needed(nodes);
    std::vector<std::string> lines{fmt::format("no quorum for lock {}: {} of {} node{} could vote, {} needed",
                                               quoted(name), nodes - reports.size(), nodes,
                                               nodes == 1 ? "" : "s", needed)};
    for (const std::string& report : reports) lines.push_back("  " + report);
    return lines;
  }
  std::vector<std::string> operator()(const quorum::TooLate& late) const {
    return {
        fmt::format("no quorum for lock {}: the nodes took {} to agree, which leaves too little of the ttl. "
                    "Use a longer --ttl",
                    quoted(name), human_duration(late.took))};
  }
  std::vector<std::string> operator()(const quorum::SameServer&) const { return {}; }
  std::vector<std::string> operator()(const quorum::Won&) const { return {}; }
  std::vector<std::string> operator()(const quorum::Cancelled&) const { return {}; }
};

}  // namespace

std::vector<std::string> explain_refusal(const std::string& name, const quorum::AcquireVerdict& verdict,
                                         const std::vector<std::string>& reports, std::size_t nodes) {
  return std::visit(Refusal{name, reports, nodes}, verdict);
}

std::string explain_expiry(const std::optional<Duration>& free_in) {
  return free_in ? fmt::format("; it expires in {} unless extended", human_duration(*free_in))
                 : std::string{"; its key has no TTL, so it never expires by itself"};
}

std::string explain_loss(const std::string& name, const quorum::Loss& loss, bool overslept) {
  struct Words {
    const std::string& name;
    bool overslept;
    std::string operator()(const quorum::Taken&) const {
      return fmt::format("lock {} was lost: a quorum of nodes says that somebody else has it", quoted(name));
    }
    std::string operator()(const quorum::Vanished&) const {
      return fmt::format(
          "lock {} was lost: it is gone from all nodes: they restarted empty, or it was broken or deleted",
          quoted(name));
    }
    std::string operator()(const quorum::ReleasedByHand&) const {
      return fmt::format("lock {} was lost: somebody who knows its token has released it", quoted(name));
    }
    std::string operator()(const quorum::Broken&) const {
      return fmt::format("lock {} was lost: somebody has broken it", quoted(name));
    }
    std::string operator()(const quorum::Expired&) const {
      if (overslept) {
        return fmt::format(
            "lock {} was lost: redlock itself did not run in time to extend it: it was stopped, or the "
            "machine was "
            "suspended or overloaded",
            quoted(name));
      }
      return fmt::format("lock {} was lost: no quorum of nodes could be reached to extend it in time",
                         quoted(name));
    }
  };
  return std::visit(Words{name, overslept}, loss);
}

bool overslept(TimePoint due, Duration ttl) {
  return BootClock::now() - due > std::min<Duration>(std::chrono::seconds{1}, ttl / 3);
}

}  // namespace redlock::cli
