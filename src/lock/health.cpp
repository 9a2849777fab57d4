#include "lock/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace redlock::lock {
namespace {

// Whether a restart loses nothing that was confirmed.
bool remembers(const NodeReport& report) {
  return report.server && report.server->aof && report.appendfsync == "always";
}

bool has(const Issues& issues, Issue issue) {
  return std::find(issues.begin(), issues.end(), issue) != issues.end();
}

struct IssueWords {
  Issue issue;
  std::string_view one;
  std::string_view many;
};
// After "1 of 5 nodes" and "2 of 5 nodes". The issues that take the vote are counted together, before these.
constexpr std::array kWords{
    IssueWords{Issue::Untried, "could not be tried", "could not be tried"},
    IssueWords{Issue::Anonymous, "does not say whether it restarted", "do not say whether they restarted"},
    IssueWords{Issue::TooOld, "is too old to wake waiting clients", "are too old to wake waiting clients"},
    IssueWords{Issue::Unheard, "does not wake waiting clients", "do not wake waiting clients"},
    IssueWords{Issue::Evicts, "may evict locks", "may evict locks"},
    IssueWords{Issue::Forgets, "forgets its locks in a restart", "forget their locks in a restart"},
    IssueWords{Issue::BadDisk, "failed to write to its disk", "failed to write to their disks"},
    IssueWords{Issue::SetBack, "had its clock set back", "had their clocks set back"},
    IssueWords{Issue::BadClock, "has a clock that is off", "have clocks that are off"},
};

std::string count(std::size_t some, std::size_t all, std::string_view one, std::string_view many) {
  if (all == 1) return fmt::format("the node {}", one);
  return fmt::format("{} of {} nodes {}", some, all, some == 1 ? one : many);
}

std::string describe_reservations(const Health& health) {
  const std::size_t nodes = health.issues.size();
  std::string text;
  const auto add = [&](const std::string& words) {
    if (!text.empty()) text += "; ";
    text += words;
  };
  if (health.voters < nodes) add(count(nodes - health.voters, nodes, "cannot vote", "cannot vote"));
  for (const IssueWords& words : kWords) {
    const auto some = std::count_if(health.issues.begin(), health.issues.end(),
                                    [&](const auto& of_node) { return has(of_node, words.issue); });
    if (some > 0) add(count(static_cast<std::size_t>(some), nodes, words.one, words.many));
  }
  if (nodes == 1) add("no lock survives the loss of the only node");
  if (nodes == 2) add("2 nodes are no better than 1");
  return text;
}

}  // namespace

bool takes_the_vote(Issue issue) {
  return issue == Issue::NoAnswer || issue == Issue::NoVote || issue == Issue::Refuses ||
         issue == Issue::Several;
}

bool can_vote(const Issues& issues) {
  return std::none_of(issues.begin(), issues.end(), takes_the_vote);
}

Issues issues_of(const NodeReport& report, Duration restart_quarantine) {
  if (report.failure) return {Issue::NoAnswer};
  Issues issues;
  const auto note = [&](bool present, Issue issue) {
    if (present) issues.push_back(issue);
  };
  note(report.eligibility != quorum::VoteEligibility::Voter, Issue::NoVote);
  // A replica refuses because it is one.
  note(report.refusal && report.eligibility == quorum::VoteEligibility::Voter, Issue::Refuses);
  note(report.untried && can_vote(issues), Issue::Untried);
  note(report.several_servers, Issue::Several);
  note(report.anonymous, Issue::Anonymous);
  const bool too_old = report.server && redis::is_too_old(*report.server);
  note(too_old, Issue::TooOld);
  // One that has no vote has more to mend.
  note(report.unheard && !too_old && can_vote(issues), Issue::Unheard);
  note(report.server && report.server->may_evict_locks(), Issue::Evicts);
  note(restart_quarantine == Duration::zero() && !remembers(report), Issue::Forgets);
  note(report.server && !report.server->saved, Issue::BadDisk);
  // In quarantine that is the reason, and told as such.
  note(report.server && report.server->uptime < Duration::zero() &&
           report.eligibility == quorum::VoteEligibility::Voter,
       Issue::SetBack);
  const Duration tolerance = kClockTolerance + report.round_trip.value_or(Duration::zero()) / 2;
  note(report.clock_ahead && std::chrono::abs(Duration{*report.clock_ahead}) > tolerance, Issue::BadClock);
  return issues;
}

Health health_of(std::vector<Issues> issues, const quorum::Membership& membership) {
  const quorum::NodeSet voters =
      membership.nodes_where([&](quorum::NodeIndex node) { return can_vote(issues[node]); });
  const bool reserved =
      issues.size() < 3 ||
      std::any_of(issues.begin(), issues.end(), [](const Issues& of_node) { return !of_node.empty(); });
  using enum Health::Verdict;
  return {.verdict = !membership.is_quorum(voters) ? NoQuorum
                     : reserved                    ? Works
                                                   : Safe,
          .voters = voters.size(),
          .issues = std::move(issues)};
}

std::string describe(const Health& health) {
  const std::size_t nodes = health.issues.size();
  const std::size_t needed = quorum::votes_needed(nodes);
  switch (health.verdict) {
    case Health::Verdict::Safe:
      return fmt::format("safe: all {} nodes can vote, {} are needed", nodes, needed);
    case Health::Verdict::Works: return "works, but " + describe_reservations(health);
    case Health::Verdict::NoQuorum:
      return fmt::format("no quorum: {} of {} node{} can vote, {} {} needed", health.voters, nodes,
                         nodes == 1 ? "" : "s", needed, needed == 1 ? "is" : "are");
  }
  return {};
}

}  // namespace redlock::lock
