#include "cli/lock_sight.hpp"

#include "base/duration.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "lock/report.hpp"
#include "redis/describe.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::cli {
namespace {

using quorum::LockState;
using quorum::NodeIndex;

constexpr std::size_t kTokenBeginning = 8;

std::string expiry(const std::optional<Duration>& free_in) {
  return free_in ? fmt::format("; it expires in {} unless extended", human_duration(*free_in))
                 : std::string{"; its key has no TTL, so it never expires by itself"};
}

// What a node contributes: whether it has the holder's token, another's, none, or cannot tell.
enum class Vote { Held, Other, Free, None };

Vote vote_of(const quorum::Observation& observation, const quorum::Survey& survey) {
  const quorum::Sighting* sighting = observation.sighting();
  if (sighting == nullptr) return Vote::None;
  if (!sighting->holder) return Vote::Free;
  const quorum::Claim* holder = survey.holder();
  return holder != nullptr && holder->token == *sighting->holder ? Vote::Held : Vote::Other;
}

struct VoteWords {
  std::string_view name;
  Tone tone;
};
VoteWords words_of(Vote vote) {
  switch (vote) {
    case Vote::Held: return {"held", Tone::Good};
    case Vote::Other: return {"other", Tone::Doubtful};
    case Vote::Free: return {"free", Tone::Plain};
    case Vote::None: return {"none", Tone::Bad};
  }
  return {};
}

// Why a node's word does not count, or only in part.
std::string note_of(NodeIndex node, const quorum::Observation& observation, const lock::Onlooker& onlooker) {
  if (const auto* failure = observation.failure()) return redis::describe(*failure, onlooker.endpoint(node));
  return lock::describe_standing(node, observation.sent, onlooker.electorate());
}

std::string remaining_of(const quorum::Observation& observation) {
  const quorum::Sighting* sighting = observation.sighting();
  if (sighting == nullptr || !sighting->holder) return {};
  return sighting->remaining.count() < 0 ? "no TTL" : human_duration(sighting->remaining);
}

std::string latency_of(const quorum::Observation& observation) {
  if (observation.sighting() == nullptr) return {};
  return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(observation.took).count());
}

std::string facts_of(const quorum::Claim& claim, const quorum::Survey& survey,
                     const quorum::Electorate& electorate) {
  std::string facts = fmt::format("{} of {} votes ({} needed), token {}", claim.votes, electorate.nodes(),
                                  electorate.quorum(), token_beginning(claim.token));
  if (claim.fence != 0) facts += fmt::format(", fence {}", claim.fence);
  if (claim.info.since_us != 0) facts += fmt::format(", since {}", format_timestamp(claim.info.since_us));
  if (survey.waiting > 0) facts += fmt::format(", {} waiting", survey.waiting);
  return facts;
}

Json holder_to_json(const quorum::HolderInfo& info) {
  if (quorum::is_anonymous(info)) return {};
  return Json::object({{"user", info.user},
                       {"host", info.host},
                       {"pid", info.pid},
                       {"command", info.command},
                       {"since", info.since_us != 0 ? Json{format_timestamp(info.since_us)} : Json{}}});
}

Json node_to_json(NodeIndex node, const LockSight& sight, const lock::Onlooker& onlooker) {
  const quorum::Observation& observation = sight.observations[node];
  const quorum::Sighting* sighting = observation.sighting();
  const std::string note = note_of(node, observation, onlooker);
  Json remaining;
  if (sighting != nullptr && sighting->holder && sighting->remaining.count() >= 0)
    remaining = sighting->remaining.count();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(observation.took).count();
  return Json::object(
      {{"url", onlooker.endpoint(node).display()},
       {"vote", words_of(vote_of(observation, sight.survey)).name},
       {"token", sighting != nullptr && sighting->holder ? Json{token_beginning(*sighting->holder)} : Json{}},
       {"remaining_ms", std::move(remaining)},
       {"latency_us", sighting != nullptr ? Json{micros} : Json{}},
       {"reason", note.empty() ? Json{} : Json{note}}});
}

}  // namespace

std::string_view state_name(const quorum::Survey& survey) {
  switch (survey.state) {
    case LockState::Held: return quorum::is_anonymous(survey.claims.front().info) ? "foreign" : "held";
    case LockState::Split: return "split";
    case LockState::Free: return "free";
    case LockState::Unknown: return "unknown";
  }
  return {};
}

// No more than half: a foreign token may be short.
std::string token_beginning(const quorum::Token& token) {
  return printable(token.value.substr(0, std::min(kTokenBeginning, token.value.size() / 2))) + "...";
}

std::string summarize(const std::string& name, const quorum::Survey& survey,
                      const quorum::Electorate& electorate, std::uint64_t now_us) {
  switch (survey.state) {
    case LockState::Held: {
      const quorum::Claim& holder = survey.claims.front();
      return fmt::format("lock {} is held by {}{}", quoted(name), lock::describe_holder(holder.info, now_us),
                         expiry(holder.free_in));
    }
    case LockState::Split:
      return fmt::format(
          "lock {} is split: nobody holds it, {} contender{} had votes, the most {} of the {} needed",
          quoted(name), survey.claims.size(), survey.claims.size() == 1 ? "" : "s",
          survey.claims.front().votes, electorate.quorum());
    case LockState::Free: return fmt::format("lock {} is free", quoted(name));
    case LockState::Unknown: break;
  }
  if (survey.answered < electorate.quorum()) {
    return fmt::format("no quorum for lock {}: {} of {} node{} could tell, {} needed", quoted(name),
                       survey.answered, electorate.nodes(), electorate.nodes() == 1 ? "" : "s",
                       electorate.quorum());
  }
  return fmt::format(
      "no quorum for lock {}: whether it is held depends on the {} of {} nodes that could not tell",
      quoted(name), electorate.nodes() - survey.answered, electorate.nodes());
}

std::vector<std::string> show_details(const LockSight& sight, const lock::Onlooker& onlooker,
                                      const Palette& palette, std::size_t width) {
  constexpr std::size_t indent = 2;
  std::vector<std::string> lines;
  for (const quorum::Claim& claim : sight.survey.claims) {
    lines.push_back(
        clip(std::string(indent, ' ') + facts_of(claim, sight.survey, onlooker.electorate()), width));
  }
  // Whose a token is needs to be told only where there are several.
  const bool several = sight.survey.claims.size() > 1 || sight.survey.holder() == nullptr;
  Table table{{"NODE", "VOTE", "TOKEN", "REMAINING", "LATENCY", "NOTE"}};
  for (NodeIndex node = 0; node < sight.observations.size(); ++node) {
    const quorum::Observation& observation = sight.observations[node];
    const quorum::Sighting* sighting = observation.sighting();
    const VoteWords vote = words_of(vote_of(observation, sight.survey));
    table.add(
        {{.text = onlooker.endpoint(node).display()},
         {.text = std::string{vote.name}, .tone = vote.tone},
         {.text =
              several && sighting != nullptr && sighting->holder ? token_beginning(*sighting->holder) : ""},
         {.text = remaining_of(observation)},
         {.text = latency_of(observation), .tone = Tone::Faint},
         {.text = note_of(node, observation, onlooker), .tone = Tone::Bad}});
  }
  for (std::string& line : table.render(palette, width, indent)) lines.push_back(std::move(line));
  return lines;
}

Json lock_to_json(const std::string& name, const quorum::Survey& survey, const quorum::Electorate& electorate,
                  std::uint64_t now_us) {
  const quorum::Claim* holder = survey.holder();
  std::uint64_t remaining_us = 0;
  const bool ends = holder != nullptr && holder->free_in;
  if (ends) {
    remaining_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(*holder->free_in).count());
  }
  return Json::object({{"name", name},
                       {"state", state_name(survey)},
                       {"holder", holder != nullptr ? holder_to_json(holder->info) : Json{}},
                       {"token", holder != nullptr ? Json{token_beginning(holder->token)} : Json{}},
                       {"fence", holder != nullptr && holder->fence != 0 ? Json{holder->fence} : Json{}},
                       {"remaining_ms", ends ? Json{remaining_us / 1000} : Json{}},
                       {"expires_at", ends ? Json{format_timestamp(now_us + remaining_us)} : Json{}},
                       {"votes", survey.claims.empty() ? 0 : survey.claims.front().votes},
                       {"quorum", electorate.quorum()},
                       {"contenders", survey.claims.size()},
                       {"waiting", survey.waiting}});
}

Json sight_to_json(const LockSight& sight, const lock::Onlooker& onlooker, std::uint64_t now_us) {
  Json json = lock_to_json(sight.name, sight.survey, onlooker.electorate(), now_us);
  Json nodes = Json::array();
  for (NodeIndex node = 0; node < sight.observations.size(); ++node) {
    nodes.push_back(node_to_json(node, sight, onlooker));
  }
  json.add("nodes", std::move(nodes));
  return json;
}

}  // namespace redlock::cli
