#include "lock/soundness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace redlock::lock {
namespace {

// Whether a restart loses nothing that was confirmed.
bool remembers(const NodeReport& report) {
  return report.server && report.server->aof && report.appendfsync == "always";
}

bool has(const std::vector<Concern>& concerns, Concern concern) {
  return std::find(concerns.begin(), concerns.end(), concern) != concerns.end();
}

struct Words {
  Concern concern;
  std::string_view one;
  std::string_view many;
};
// Behind "1 of 5 nodes" and "2 of 5 nodes". The concerns that take the vote stand in front, as one.
constexpr std::array kWords{
    Words{Concern::Anonymous, "does not say whether it restarted", "do not say whether they restarted"},
    Words{Concern::Evicts, "may evict locks", "may evict locks"},
    Words{Concern::Forgets, "forgets its locks in a restart", "forget their locks in a restart"},
    Words{Concern::BadDisk, "failed to write to its disk", "failed to write to their disks"},
    Words{Concern::SetBack, "had its clock set back", "had their clocks set back"},
    Words{Concern::BadClock, "has a clock that is off", "have clocks that are off"},
};

std::string count(std::size_t some, std::size_t all, std::string_view one, std::string_view many) {
  if (all == 1) return fmt::format("the node {}", one);
  return fmt::format("{} of {} nodes {}", some, all, some == 1 ? one : many);
}

std::string describe_reservations(std::size_t voters, const std::vector<std::vector<Concern>>& concerns) {
  const std::size_t nodes = concerns.size();
  std::string text;
  const auto add = [&](const std::string& words) {
    if (!text.empty()) text += "; ";
    text += words;
  };
  if (voters < nodes) add(count(nodes - voters, nodes, "cannot vote", "cannot vote"));
  for (const Words& words : kWords) {
    const auto some = std::count_if(concerns.begin(), concerns.end(),
                                    [&](const auto& of_node) { return has(of_node, words.concern); });
    if (some > 0) add(count(static_cast<std::size_t>(some), nodes, words.one, words.many));
  }
  if (nodes == 1) add("no lock survives the loss of the only node");
  if (nodes == 2) add("2 nodes are no better than 1");
  return text;
}

}  // namespace

bool takes_the_vote(Concern concern) {
  return concern == Concern::NoAnswer || concern == Concern::NoVote || concern == Concern::Refuses;
}

std::vector<Concern> concerns_about(const NodeReport& report, Duration restart_quarantine) {
  if (report.failure) return {Concern::NoAnswer};
  std::vector<Concern> concerns;
  const auto note = [&](bool concerned, Concern concern) {
    if (concerned) concerns.push_back(concern);
  };
  note(report.eligibility != quorum::VoteEligibility::Voter, Concern::NoVote);
  // A replica refuses because it is one.
  note(report.refusal && report.eligibility == quorum::VoteEligibility::Voter, Concern::Refuses);
  note(report.anonymous, Concern::Anonymous);
  note(report.server && report.server->may_evict_locks(), Concern::Evicts);
  note(restart_quarantine == Duration::zero() && !remembers(report), Concern::Forgets);
  note(report.server && !report.server->saved, Concern::BadDisk);
  // In quarantine that is the reason, and told as such.
  note(report.server && report.server->uptime < Duration::zero() &&
           report.eligibility == quorum::VoteEligibility::Voter,
       Concern::SetBack);
  const Duration tolerance = kClockTolerance + report.round_trip.value_or(Duration::zero()) / 2;
  note(report.clock_ahead && std::chrono::abs(Duration{*report.clock_ahead}) > tolerance, Concern::BadClock);
  return concerns;
}

Soundness judge(const std::vector<std::vector<Concern>>& concerns, const quorum::Membership& membership) {
  const quorum::NodeSet voters = membership.nodes_where([&](quorum::NodeIndex node) {
    return std::none_of(concerns[node].begin(), concerns[node].end(), takes_the_vote);
  });
  const bool reserved =
      concerns.size() < 3 ||
      std::any_of(concerns.begin(), concerns.end(), [](const auto& of_node) { return !of_node.empty(); });
  using enum Soundness::Verdict;
  return {.verdict = !membership.is_quorum(voters) ? NoQuorum
                     : reserved                    ? Works
                                                   : Safe,
          .voters = voters.size()};
}

std::string describe(const Soundness& soundness, const std::vector<std::vector<Concern>>& concerns) {
  const std::size_t nodes = concerns.size();
  const std::size_t needed = quorum::votes_needed(nodes);
  switch (soundness.verdict) {
    case Soundness::Verdict::Safe:
      return fmt::format("safe: all {} nodes can vote, {} are needed", nodes, needed);
    case Soundness::Verdict::Works:
      return fmt::format("works, but {}", describe_reservations(soundness.voters, concerns));
    case Soundness::Verdict::NoQuorum:
      return fmt::format("no quorum: {} of {} node{} can vote, {} {} needed", soundness.voters, nodes,
                         nodes == 1 ? "" : "s", needed, needed == 1 ? "is" : "are");
  }
  return {};
}

}  // namespace redlock::lock
