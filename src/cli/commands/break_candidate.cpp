#include "cli/commands/break_candidate.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::cli {

using lock::LockState;

bool Candidate::has_one_holder() const {
  return lock.status.state == LockState::Held || lock.status.leftover;
}

bool Candidate::can_be_broken() const {
  return has_one_holder() || lock.status.state == LockState::Split;
}

std::size_t Candidate::votes() const {
  std::size_t votes = 0;
  for (const lock::Contender& contender : lock.status.contenders) votes += contender.votes();
  return votes;
}

bool Candidate::rests() const {
  return has_one_holder() && lock.status.contenders.front().info.resting.has_value();
}

bool Candidate::is_foreign() const {
  return has_one_holder() && !rests() && lock::is_anonymous(lock.status.contenders.front().info);
}

std::string consequence_of(const Candidate& candidate) {
  if (candidate.lock.status.state == LockState::Split) return "contenders that are still alive begin anew";
  if (candidate.rests()) return "nobody runs under it, and the next one need not wait";
  if (candidate.is_foreign()) {
    return "its holder is another program, and goes on as if nothing had happened, unless it looks after its "
           "lock";
  }
  return "its holder's command is stopped at its next extension";
}

std::string consequence_of(const std::vector<Candidate*>& candidates) {
  if (candidates.size() == 1) return consequence_of(*candidates.front());
  const auto foreign = std::count_if(candidates.begin(), candidates.end(),
                                     [](const Candidate* candidate) { return candidate->is_foreign(); });
  std::string text = "the command of each holder is stopped at its next extension";
  if (foreign > 0) {
    text += fmt::format("; {} of them {} another program, which goes on as if nothing had happened", foreign,
                        foreign == 1 ? "is held by" : "are each held by");
  }
  const auto resting = std::count_if(candidates.begin(), candidates.end(),
                                     [](const Candidate* candidate) { return candidate->rests(); });
  if (resting > 0) text += fmt::format("; under {} of them, at rest, nobody runs", resting);
  return text;
}

}  // namespace redlock::cli
