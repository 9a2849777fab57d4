#include "lock/report.hpp"

#include "base/duration.hpp"
#include "base/text.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

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
          human_duration(membership.quarantine()));
    case Replica: return "is a replica, which has no vote: name its master instead";
    case ClusterMode: return "is in cluster mode, which has no vote: use independent servers";
    case Sentinel: return "is a sentinel, which keeps no keys: name a server instead";
  }
  return {};
}

namespace {

// "redis://10.0.0.1:6379/0: connection refused: is redis-server running there?"
void add_line(std::vector<std::string>& lines, const redis::NodeEndpoint& endpoint, const std::string& why) {
  if (!why.empty()) lines.push_back(fmt::format("{}: {}", endpoint.display(), why));
}

}  // namespace

std::vector<std::string> report_votes(const quorum::NodeVotes& votes, const Driver& driver) {
  std::vector<std::string> lines;
  for (quorum::NodeIndex node = 0; node < votes.size(); ++node) {
    const quorum::NodeVote& vote = votes[node];
    const redis::NodeEndpoint& endpoint = driver.nodes().endpoint(node);
    add_line(lines, endpoint,
             vote.failure() != nullptr ? redis::describe(*vote.failure(), endpoint)
             : vote.answered()         ? describe_eligibility(node, vote.sent, driver.membership())
             : vote.pending()          ? "had not answered yet"
                                       : "was not asked");
  }
  return lines;
}

std::vector<std::string> report_troubles(const Driver& driver, TimePoint asked) {
  std::vector<std::string> lines;
  for (quorum::NodeIndex node = 0; node < driver.size(); ++node) {
    const redis::NodeEndpoint& endpoint = driver.nodes().endpoint(node);
    const auto& failure = driver.monitor().failure(node);
    add_line(lines, endpoint,
             failure ? redis::describe(*failure, endpoint)
                     : describe_eligibility(node, asked, driver.membership()));
  }
  return lines;
}

std::string describe_holder(const quorum::HolderInfo& info, std::uint64_t now_us) {
  if (info.host.empty() && info.user.empty() && info.pid == 0) {
    return "another program, which does not say who it is";
  }
  std::string text =
      fmt::format("{}@{} (pid {}", printable(info.user, 64), printable(info.host, 255), info.pid);
  if (!info.command.empty()) text += fmt::format(", {}", printable(info.command, 80));
  text += ")";
  if (info.since_us != 0 && info.since_us <= now_us) {
    text += fmt::format(" since {}", human_duration(std::chrono::microseconds{now_us - info.since_us}));
  }
  return text;
}

}  // namespace redlock::lock
