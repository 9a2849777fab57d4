#include "quorum/extension.hpp"

#include "quorum/validity.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace redlock::quorum {
namespace {

constexpr Duration kLeastFlight = std::chrono::microseconds{500};

// The number of a phase that plants nothing; it is written down only where the node has lost the holder's info, and
// then stands for a planting that cannot be judged.
constexpr std::uint64_t kAsking = 1;

bool judgeable(std::uint64_t planted) {
  return planted == 0 || planted >= kLeastWallAttempt;
}

}  // namespace

std::vector<Send> Extension::start(Now now) {
  began_ = now.boot;
  std::vector<Send> sends;
  sends.reserve(answers_.size());
  for (NodeIndex node = 0; node < answers_.size(); ++node) {
    answers_[node].id = ids_.next();
    sends.push_back(
        {.node = node,
         .id = answers_[node].id,
         .request =
             Extend{.token = token_, .ttl = rules_.ttl, .fence = 0, .attempt = kAsking, .repair = false},
         .deadline = now.boot + rules_.node_timeout});
  }
  return sends;
}

std::vector<Send> Extension::on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  Vote& vote = answers_[node];
  if (done_ || vote.id != id) return {};
  if (vote.answer == Answer::Planting) {
    vote.answer = Answer::Settled;
    return judge(now);
  }
  if (vote.answer != Answer::Pending) return {};
  if (const auto* extended = std::get_if<quorum::Extended>(&reply)) {
    vote.answer = Answer::Here;
    vote.counter = extended->counter;
    vote.fence = extended->fence;
    vote.votes = electorate_.standing(node, began_) == Standing::Voter;
    vote.judged = judgeable(extended->planted);
  } else if (const auto* not_ours = std::get_if<NotOurs>(&reply)) {
    given_back_ = given_back_ || not_ours->given_back;
    broken_ = broken_ || not_ours->broken;
    vote.answer = not_ours->holder.value.empty() ? Answer::Absent : Answer::Elsewhere;
    if (vote.answer == Answer::Elsewhere) other_ = not_ours->info;
  } else {
    vote.answer = Answer::Failed;
  }
  return judge(now);
}

std::vector<Send> Extension::on_failure(Now now, NodeIndex node, RequestId id, const Failure&) {
  Vote& vote = answers_[node];
  if (done_ || vote.id != id) return {};
  if (vote.answer == Answer::Planting) vote.answer = Answer::Settled;
  if (vote.answer == Answer::Pending) vote.answer = Answer::Failed;
  return judge(now);
}

std::vector<Send> Extension::on_time(Now now) {
  return done_ ? std::vector<Send>{} : judge(now);
}

std::vector<Send> Extension::judge(Now now) {
  if (!verdict_) {
    const bool over = now.boot >= validity_end(began_, rules_.ttl);  // whatever they say
    if (const auto same = electorate_.duplicate()) {
      verdict_ = SameServer{same->first, same->second};
    } else if (const auto fence = agreed(); fence && !over) {
      verdict_ = Extended{
          .valid_until = validity_end(began_, rules_.ttl), .fence = fence->first, .votes = fence->second};
      // Those that have not answered get as long again, to be repaired.
      linger_until_ = now.boot + std::max(now.boot - began_, kLeastFlight);
    } else if (given_back_ || broken_) {
      verdict_ = Lapsed{.given_back = given_back_, .broken = broken_};
    } else if (count(Answer::Absent) + count(Answer::Elsewhere) >= electorate_.quorum()) {
      if (count(Answer::Elsewhere) > 0) {
        verdict_ = Others{other_};
      } else {
        verdict_ = Lapsed{.given_back = false};
      }
    } else if (over || count(Answer::Pending) == 0) {
      verdict_ = NoQuorum{};
    }
  }
  if (!verdict_) return {};
  std::vector<Send> sends = repair(now);
  if (count(Answer::Pending) == 0 || now.boot >= linger_until_) lingers_ = false;
  done_ = !std::holds_alternative<Extended>(*verdict_) || (!lingers_ && count(Answer::Planting) == 0);
  return sends;
}

std::vector<Send> Extension::repair(Now now) {
  const auto* extended = std::get_if<Extended>(&*verdict_);
  std::vector<Send> sends;
  if (extended == nullptr || given_back_ || broken_ || now.boot >= extended->valid_until) return sends;
  // A wall clock from before 1970 is no number for it.
  const std::uint64_t attempt = std::max(now.wall_us, kLeastWallAttempt);
  for (NodeIndex node = 0; node < answers_.size(); ++node) {
    Vote& vote = answers_[node];
    const bool absent = vote.answer == Answer::Absent;
    const bool doubtful = vote.answer == Answer::Here && vote.votes && !counts(vote, extended->fence);
    if (!absent && !doubtful) continue;
    vote.id = ids_.next();
    vote.answer = Answer::Planting;
    sends.push_back({.node = node,
                     .id = vote.id,
                     .request = Extend{.token = token_,
                                       .ttl = rules_.ttl,
                                       .fence = extended->fence,
                                       .attempt = attempt,
                                       .repair = absent,
                                       .vouches = doubtful ? vote.counter : 0},
                     .deadline = std::min(now.boot + rules_.node_timeout, extended->valid_until)});
  }
  return sends;
}

bool Extension::counts(const Vote& vote, Fence fence) {
  return vote.votes && (vote.fence == fence || (vote.judged && vote.counter <= fence));
}

// The fence, and how many count with it.
std::optional<std::pair<Fence, std::size_t>> Extension::agreed() const {
  Fence known = 0;
  for (const Vote& vote : answers_) {
    if (vote.votes) known = std::max(known, vote.fence);
  }
  if (known > 0) {
    const auto number = static_cast<std::size_t>(std::count_if(
        answers_.begin(), answers_.end(), [&](const Vote& vote) { return counts(vote, known); }));
    if (number < electorate_.quorum()) return std::nullopt;
    return std::pair{known, number};
  }
  std::map<Fence, std::size_t> said;
  for (const Vote& vote : answers_) {
    if (vote.votes && vote.judged) ++said[vote.counter];
  }
  const auto most = std::max_element(said.begin(), said.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == said.end() || most->second < electorate_.quorum()) return std::nullopt;
  return *most;
}

std::size_t Extension::doubtful() const {
  const std::size_t counted = agreed() ? agreed()->second : 0;
  return count(Answer::Here) - std::min(counted, count(Answer::Here));
}

std::size_t Extension::count(Answer answer) const {
  return static_cast<std::size_t>(std::count_if(answers_.begin(), answers_.end(),
                                                [&](const Vote& vote) { return vote.answer == answer; }));
}

}  // namespace redlock::quorum
