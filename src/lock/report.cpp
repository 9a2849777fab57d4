#include "lock/report.hpp"

#include "base/duration.hpp"
#include "base/text.hpp"
#include "lock/lock_status.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::lock {

std::string describe_eligibility(quorum::NodeIndex node, TimePoint sent,
                                 const quorum::Membership& membership) {
  using enum quorum::VoteEligibility;
  switch (membership.eligibility(node, sent)) {
    case Voter: return {};
    case Quarantined:
      return fmt::format(
          "{} and may have forgotten a lock: no vote for another {} (quarantine {})",
          membership.clock_set_back(node)
              ? "says that it is yet to start, since its clock was set back: it may have restarted lately"
              : "restarted lately",
          human_duration(membership.quarantine_left(node, sent) + std::chrono::seconds{1}),
          human_duration(membership.quarantine(sent)));
    case Replica: return "is a replica, which has no vote: name its master instead";
    case ClusterMode: return "is in cluster mode, which has no vote: use independent servers";
    case Sentinel: return "is a sentinel, which keeps no keys: name a server instead";
    case Anonymous:
      return "forbids or renames INFO or ROLE, and may be part of a cluster, where a name in braces is on "
             "one "
             "shard: no vote for such a name. Permit both to redlock's user, under these names";
  }
  return {};
}

namespace {

// "redis://10.0.0.1:6379/0: connection refused: is redis-server running there?"
void add_line(std::vector<std::string>& lines, const redis::NodeEndpoint& endpoint, const std::string& why) {
  if (!why.empty()) lines.push_back(fmt::format("{}: {}", endpoint.display(), why));
}

// What its keys are made of; "a#*" for all slots.
std::vector<std::string> keys_of(const Driver& driver) {
  std::vector<std::string> keys;
  for (const redis::LockKeys& lock : driver.keys()) {
    if (lock.slot) return {lock.lock.substr(0, lock.lock.rfind('#')) + "#*"};
    keys.push_back(lock.lock);
  }
  return keys;
}

}  // namespace

std::vector<std::string> report_votes(const quorum::NodeVotes& votes, const Driver& driver) {
  std::vector<std::string> lines;
  for (quorum::NodeIndex node = 0; node < votes.size(); ++node) {
    const quorum::NodeVote& vote = votes[node];
    const redis::NodeEndpoint& endpoint = driver.nodes().endpoint(node);
    const bool sentinel =
        driver.membership().eligibility(node, vote.sent) == quorum::VoteEligibility::Sentinel;
    const bool says_why =
        vote.failure() != nullptr && !(sentinel && redis::is_about_command(*vote.failure()));
    add_line(lines, endpoint,
             says_why                      ? redis::describe(*vote.failure(), endpoint, keys_of(driver))
             : vote.answered() || sentinel ? describe_eligibility(node, vote.sent, driver.membership())
             : vote.pending()              ? "had not answered yet"
                                           : "was not asked");
  }
  return lines;
}

std::vector<ShownHolder> report_holders(const quorum::NodeVotes& votes, const Driver& driver) {
  std::vector<ShownHolder> holders;
  for (quorum::NodeIndex node = 0; node < votes.size(); ++node) {
    const quorum::NodeVote& vote = votes[node];
    if (!driver.membership().counts_as_there(node, vote.sent)) continue;
    const auto add = [&](const quorum::Refused& refused) {
      if (refused.barred) return;
      auto known = std::find_if(holders.begin(), holders.end(), [&](const ShownHolder& each) {
        return each.refused.name == refused.name && each.refused.holder == refused.holder;
      });
      if (known == holders.end())
        known =
            holders.insert(holders.end(), {.refused = refused, .of_slot = driver.has_slots(), .nodes = {}});
      known->nodes.push_back(driver.nodes().endpoint(node).display());
    };
    if (driver.has_slots()) {
      for (const quorum::Refused& slot : vote.slots) add(slot);
    } else if (const quorum::Refused* const refused = vote.refused()) {
      refused->each_name(add);
    }
  }
  std::stable_sort(holders.begin(), holders.end(), [](const ShownHolder& a, const ShownHolder& b) {
    return a.refused.name < b.refused.name;
  });
  return holders;
}

std::vector<std::string> report_troubles(const Driver& driver, TimePoint asked) {
  std::vector<std::string> lines;
  for (quorum::NodeIndex node = 0; node < driver.size(); ++node) {
    const redis::NodeEndpoint& endpoint = driver.nodes().endpoint(node);
    const auto& failure = driver.monitor().failure(node);
    add_line(lines, endpoint,
             failure ? redis::describe(*failure, endpoint, keys_of(driver))
                     : describe_eligibility(node, asked, driver.membership()));
  }
  return lines;
}

std::string describe_holder(const quorum::HolderInfo& info, std::uint64_t now_us) {
  if (is_anonymous(info)) return "another program, which does not say who it is";
  std::string text =
      fmt::format("{}@{} (pid {}", printable(info.user, 64), printable(info.host, 255), info.pid);
  if (!info.command.empty()) text += fmt::format(", {}", printable(info.command, 80));
  text += ")";
  if (info.since_us != 0 && info.since_us <= now_us) {
    text += fmt::format(" since {}", human_duration(std::chrono::microseconds{now_us - info.since_us}));
  }
  if (!info.note.empty()) text += fmt::format(", note {}", quoted(info.note, 256));
  return text;
}

}  // namespace redlock::lock
