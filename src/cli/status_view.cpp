#include "cli/status_view.hpp"

#include "base/duration.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "cli/messages.hpp"
#include "lock/report.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>

namespace redlock::cli {
namespace {

using lock::LockState;
using quorum::NodeIndex;

constexpr std::size_t kTokenBeginning = 8;

// The state of a node: it has the holder's token, another one, none, or cannot tell.
enum class ShownVote { Held, Other, Free, None };

ShownVote vote_of(const lock::Observation& observation, const lock::LockStatus& status) {
  const redis::NodeLockState* state = observation.state();
  if (state == nullptr) return ShownVote::None;
  if (!state->holder) return ShownVote::Free;
  const lock::Contender* holder = status.holder();
  return holder != nullptr && holder->token == *state->holder ? ShownVote::Held : ShownVote::Other;
}

struct VoteLabel {
  std::string_view name;
  Tone tone;
};
VoteLabel label_of(ShownVote vote) {
  switch (vote) {
    case ShownVote::Held: return {"held", Tone::Good};
    case ShownVote::Other: return {"other", Tone::Doubtful};
    case ShownVote::Free: return {"free", Tone::Plain};
    case ShownVote::None: return {"none", Tone::Bad};
  }
  return {};
}

std::string remaining_of(const lock::Observation& observation) {
  const redis::NodeLockState* state = observation.state();
  if (state == nullptr || !state->holder) return {};
  return state->remaining.count() < 0 ? "no TTL" : human_duration(state->remaining);
}

std::string latency_of(const lock::Observation& observation) {
  if (observation.state() == nullptr) return {};
  return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(observation.took).count());
}

// The other names of the lock.
std::vector<std::string> names_beside(const std::vector<std::string>& names, const std::string& name) {
  std::vector<std::string> others;
  std::copy_if(names.begin(), names.end(), std::back_inserter(others),
               [&](const std::string& each) { return each != name; });
  return others;
}

std::string others_of(const std::vector<std::string>& names, const std::string& name) {
  std::string text;
  for (const std::string& other : names_beside(names, name))
    text += fmt::format("{}{}", text.empty() ? "" : ", ", quoted(other, 64));
  return text;
}

std::string facts_of(const std::string& name, const lock::Contender& contender,
                     const lock::LockStatus& status, const quorum::Membership& membership) {
  std::string facts =
      fmt::format("{} of {} votes ({} needed), token {}", contender.votes(), membership.nodes(),
                  quorum::votes_needed(membership.nodes()), token_beginning(contender.token));
  if (contender.fence != 0) facts += fmt::format(", fence {}", contender.fence);
  if (contender.info.since_us != 0)
    facts += fmt::format(", since {}", format_timestamp(contender.info.since_us));
  if (!contender.info.names.empty()) facts += fmt::format(", with {}", others_of(contender.info.names, name));
  if (status.waiting > 0) facts += fmt::format(", {} waiting", status.waiting);
  return facts;
}

Json holder_to_json(const quorum::HolderInfo& info) {
  if (lock::is_anonymous(info)) return {};
  return Json::object({{"user", info.user},
                       {"host", info.host},
                       {"pid", info.pid},
                       {"command", info.command},
                       {"since", info.since_us != 0 ? Json{format_timestamp(info.since_us)} : Json{}},
                       {"note", info.note.empty() ? Json{} : Json{info.note}}});
}

// Null: it does not rest.
Json rest_to_json(const lock::Contender& contender, std::uint64_t now_us) {
  const auto& resting = contender.info.resting;
  if (!resting) return {};
  Json ended;
  if (resting->since) {
    const auto ago = static_cast<std::uint64_t>(std::chrono::microseconds{*resting->since}.count());
    ended = format_timestamp(now_us - std::min(ago, now_us));
  }
  return Json::object({{"exit_status", resting->status}, {"ended_at", std::move(ended)}});
}

Json node_to_json(NodeIndex node, const StatusView& view, const lock::Inspector& inspector) {
  const lock::Observation& observation = view.observations[node];
  const redis::NodeLockState* state = observation.state();
  const std::string note = note_of(node, view, inspector);
  Json remaining;
  if (state != nullptr && state->holder && state->remaining.count() >= 0)
    remaining = state->remaining.count();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(observation.took).count();
  return Json::object(
      {{"url", inspector.endpoint(node).display()},
       {"vote", label_of(vote_of(observation, view.status)).name},
       {"token", state != nullptr && state->holder ? Json{token_beginning(*state->holder)} : Json{}},
       {"remaining_ms", std::move(remaining)},
       {"latency_us", state != nullptr ? Json{micros} : Json{}},
       {"reason", note.empty() ? Json{} : Json{note}}});
}

}  // namespace

std::string note_of(NodeIndex node, const StatusView& view, const lock::Inspector& inspector) {
  const lock::Observation& observation = view.observations[node];
  const std::span<const std::string> keys{&view.key, view.key.empty() ? std::size_t{0} : 1};
  if (const auto* failure = observation.failure())
    return redis::describe(*failure, inspector.endpoint(node), keys);
  return lock::describe_eligibility(node, observation.sent,
                                    view.status.leftover
                                        ? lock::membership_shown(view.observations, inspector.membership())
                                        : inspector.membership());
}

Tone tone_of(LockState state) {
  switch (state) {
    case LockState::Held: return Tone::Good;
    case LockState::Split: return Tone::Doubtful;
    case LockState::Free: return Tone::Plain;
    case LockState::Unknown: return Tone::Bad;
  }
  return Tone::Plain;
}

std::string_view state_name(const lock::LockStatus& status) {
  switch (status.state) {
    case LockState::Held: {
      const quorum::HolderInfo& info = status.contenders.front().info;
      return info.resting ? "resting" : lock::is_anonymous(info) ? "foreign" : "held";
    }
    case LockState::Split: return "split";
    case LockState::Free: return "free";
    case LockState::Unknown: return "unknown";
  }
  return {};
}

// At most half of the token: a foreign one may be short.
std::string token_beginning(const quorum::Token& token) {
  return printable(token.value.substr(0, std::min(kTokenBeginning, token.value.size() / 2))) + "...";
}

std::string summarize(const std::string& name, const lock::LockStatus& status,
                      const quorum::Membership& membership, std::uint64_t now_us) {
  switch (status.state) {
    case LockState::Held: {
      const lock::Contender& holder = status.contenders.front();
      return fmt::format("lock {} {}", quoted(name), describe_hold(holder.info, holder.free_in, now_us));
    }
    case LockState::Split:
      return fmt::format(
          "lock {} is split: nobody holds it, {} contender{} had votes, the most {} of the {} needed",
          quoted(name), status.contenders.size(), status.contenders.size() == 1 ? "" : "s",
          status.contenders.front().votes(), quorum::votes_needed(membership.nodes()));
    case LockState::Free: {
      std::string line = fmt::format("lock {} is free", quoted(name));
      if (status.kept_for) line += ", but " + describe_bar(*status.kept_for, now_us);
      return line;
    }
    case LockState::Unknown: break;
  }
  if (status.leftover) {
    const lock::Contender& left = status.contenders.front();
    return fmt::format(
        "no quorum for lock {}: as far as {} of {} nodes show, it {}; the others restarted and may have "
        "forgotten it{}",
        quoted(name), left.votes(), membership.nodes(), describe_hold(left.info, left.free_in, now_us),
        left.info.resting ? ". 'redlock break' ends the rest" : "");
  }
  if (!membership.is_quorum(status.answered)) {
    return fmt::format("no quorum for lock {}: {} of {} node{} could tell, {} needed", quoted(name),
                       status.answered.size(), membership.nodes(), membership.nodes() == 1 ? "" : "s",
                       quorum::votes_needed(membership.nodes()));
  }
  return fmt::format(
      "no quorum for lock {}: whether it is held depends on the {} of {} nodes that could not tell",
      quoted(name), membership.nodes() - status.answered.size(), membership.nodes());
}

std::vector<std::string> show_details(const StatusView& view, const lock::Inspector& inspector,
                                      const Palette& palette, std::size_t width) {
  constexpr std::size_t indent = 2;
  std::vector<std::string> lines;
  for (const lock::Contender& contender : view.status.contenders) {
    lines.push_back(
        clip(std::string(indent, ' ') + facts_of(view.name, contender, view.status, inspector.membership()),
             width));
  }
  // The owner of a token matters only if there are several tokens.
  const bool several = view.status.contenders.size() > 1 || view.status.holder() == nullptr;
  Table table{{"NODE", "VOTE", "TOKEN", "REMAINING", "LATENCY", "NOTE"}};
  for (NodeIndex node = 0; node < view.observations.size(); ++node) {
    const lock::Observation& observation = view.observations[node];
    const redis::NodeLockState* state = observation.state();
    const VoteLabel vote = label_of(vote_of(observation, view.status));
    table.add({{.text = inspector.endpoint(node).display()},
               {.text = std::string{vote.name}, .tone = vote.tone},
               {.text = several && state != nullptr && state->holder ? token_beginning(*state->holder) : ""},
               {.text = remaining_of(observation)},
               {.text = latency_of(observation), .tone = Tone::Faint},
               {.text = note_of(node, view, inspector), .tone = Tone::Bad}});
  }
  for (std::string& line : table.render(palette, width, indent)) lines.push_back(std::move(line));
  return lines;
}

Json lock_to_json(const std::string& name, const lock::LockStatus& status,
                  const quorum::Membership& membership, std::uint64_t now_us) {
  const lock::Contender* holder = status.holder();
  std::uint64_t remaining_us = 0;
  const bool ends = holder != nullptr && holder->free_in;
  if (ends) {
    remaining_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(*holder->free_in).count());
  }
  return Json::object(
      {{"name", name},
       {"state", state_name(status)},
       {"holder", holder != nullptr ? holder_to_json(holder->info) : Json{}},
       {"token", holder != nullptr ? Json{token_beginning(holder->token)} : Json{}},
       {"with", holder != nullptr ? names_to_json(names_beside(holder->info.names, name)) : Json::array()},
       {"fence", holder != nullptr && holder->fence != 0 ? Json{holder->fence} : Json{}},
       {"rest", holder != nullptr ? rest_to_json(*holder, now_us)
                : status.leftover ? rest_to_json(status.contenders.front(), now_us)
                                  : Json{}},
       {"remaining_ms", ends ? Json{remaining_us / 1000} : Json{}},
       {"expires_at", ends ? Json{format_timestamp(now_us + remaining_us)} : Json{}},
       {"votes", status.contenders.empty() ? 0 : status.contenders.front().votes()},
       {"quorum", quorum::votes_needed(membership.nodes())},
       {"contenders", status.contenders.size()},
       {"waiting", status.waiting},
       {"kept", status.kept_for.has_value()}});
}

Json status_to_json(const StatusView& view, const lock::Inspector& inspector, std::uint64_t now_us) {
  Json json = lock_to_json(view.name, view.status, inspector.membership(), now_us);
  if (view.slot > 0) json.add("slot", view.slot);
  Json nodes = Json::array();
  for (NodeIndex node = 0; node < view.observations.size(); ++node) {
    nodes.push_back(node_to_json(node, view, inspector));
  }
  json.add("nodes", std::move(nodes));
  return json;
}

}  // namespace redlock::cli
