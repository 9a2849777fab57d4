#include "whole/helping_hand.hpp"

#include "describe.hpp"
#include "quorum/validity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::sim {

HelpingHand::HelpingHand(Setting& setting, Referee& referee, std::string name,
                         std::vector<NodeServer*> node_of_address, LockSettings settings,
                         const std::vector<std::unique_ptr<Competitor>>& competitors,
                         std::vector<std::string> all_keys, std::uint64_t seed)
    : setting_{setting},
      referee_{referee},
      settings_{std::move(settings)},
      competitors_{competitors},
      all_keys_{std::move(all_keys)},
      program_{setting, std::move(name), std::move(node_of_address), draw_machine(setting), mix(seed)},
      dice_{mix(seed + 1)} {
}

void HelpingHand::start() {
  program_.start([this](Program& program) {
    for (unsigned acts = 2 + static_cast<unsigned>(dice_.below(8)); acts > 0; --acts) {
      act(program);
      const TimePoint until =
          program.now().boot + dice_.between(Duration{}, Duration{setting_.scenario.ttl} / 2);
      while (program.now().boot < until) program.sleep(until);
    }
  });
}

void HelpingHand::act(Program& program) {
  std::vector<const Competitor*> holders;
  for (const auto& competitor : competitors_) {
    const bool has_token = competitor->holds() || !competitor->left_behind().value.empty();
    if (has_token && !std::as_const(*competitor).program().dead()) holders.push_back(competitor.get());
  }
  if (holders.empty() || dice_.chance(0.2)) return look(program, settings_);
  const Competitor& holder = *holders[dice_.below(holders.size())];
  dice_.chance(0.6) ? extend(program, holder) : break_lock_of(program, holder);
}

// As the world counts them.
Names HelpingHand::names_of(const std::vector<std::string>& keys) const {
  Names names;
  for (const std::string& key : keys) {
    const auto found = std::find(all_keys_.begin(), all_keys_.end(), key);
    names.push_back(static_cast<std::size_t>(found - all_keys_.begin()));
  }
  return names;
}

// Somebody may know of one name only.
std::vector<std::string> HelpingHand::keys_of(const Competitor& holder) {
  const std::vector<std::string>& all = holder.keys();
  return dice_.chance(0.3) ? std::vector{all[dice_.below(all.size())]} : all;
}

void HelpingHand::extend(Program& program, const Competitor& holder) {
  const quorum::Token token = holder.holds() ? holder.token() : holder.left_behind();
  if (setting_.traced()) setting_.say(program.name(), fmt::format("extends {} by hand", describe(token)));
  referee_.hand_extends(token);
  const Instant asked = setting_.queue.now();
  // Often with a TTL of its own, as `redlock extend --ttl 2s` in the command of `redlock run`.
  const std::chrono::milliseconds own{dice_.between(quorum::kLeastTtl, Duration{setting_.scenario.ttl}) /
                                      std::chrono::milliseconds{1}};
  const auto ttl = dice_.chance(0.5) ? own : holder.habits().settings.ttl;
  LockSettings settings = settings_;
  settings.keys = keys_of(holder);
  if (!std::holds_alternative<quorum::LeaseExtended>(extend_by_hand(program, settings, token, ttl))) return;
  if (setting_.traced()) setting_.say(program.name(), fmt::format("has extended {}", describe(token)));
  referee_.hand_extended(token, asked, names_of(settings.keys));
}

void HelpingHand::break_lock_of(Program& program, const Competitor& holder) {
  const quorum::Token token = holder.holds() ? holder.token() : holder.left_behind();
  if (setting_.traced()) setting_.say(program.name(), fmt::format("breaks {}", describe(token)));
  referee_.breaks(token);
  LockSettings settings = settings_;
  settings.keys = keys_of(holder);
  settings.ttl = holder.habits().settings.ttl;
  if (break_lock(program, settings, token) != quorum::ReleaseResult::Ours) return;
  if (setting_.traced()) setting_.say(program.name(), fmt::format("has broken {}", describe(token)));
  referee_.broke(token);
}

}  // namespace redlock::sim
