#include "quorum/extend_op.hpp"

#include "quorum/validity.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace redlock::quorum {
namespace {

constexpr Duration kLeastRoundTrip = std::chrono::microseconds{500};

// The number of a phase that plants nothing; it is written down only where the node has lost the holder's info, and
// then stands for a planting that cannot be judged.
constexpr std::uint64_t kAsking = 1;

bool judgeable(std::uint64_t set_by) {
  return set_by == 0 || set_by >= kLeastWallAttempt;
}

}  // namespace

std::vector<Send> ExtendOp::start(Now now) {
  began_ = now.boot;
  std::vector<Send> sends;
  sends.reserve(answers_.size());
  for (NodeIndex node = 0; node < answers_.size(); ++node) {
    answers_[node].id = ids_.next();
    sends.push_back(
        {.node = node,
         .id = answers_[node].id,
         .request =
             ExtendRequest{
                 .token = token_, .ttl = rules_.ttl, .fence = 0, .attempt = kAsking, .repair = false},
         .deadline = now.boot + rules_.node_timeout});
  }
  return sends;
}

std::vector<Send> ExtendOp::on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  NodeExtension& vote = answers_[node];
  if (done_ || vote.id != id) return {};
  if (vote.answer == ExtendAnswer::Planting) {
    vote.answer = ExtendAnswer::Settled;
    return judge(now);
  }
  if (vote.answer != ExtendAnswer::Pending) return {};
  if (const auto* extended = std::get_if<Extended>(&reply)) {
    vote.answer = ExtendAnswer::Here;
    vote.counter = extended->counter;
    vote.fence = extended->fence;
    vote.votes = membership_.eligibility(node, began_) == VoteEligibility::Voter;
    vote.judged = judgeable(extended->set_by);
  } else if (const auto* not_ours = std::get_if<NotOurs>(&reply)) {
    released_ = released_ || not_ours->released;
    broken_ = broken_ || not_ours->broken;
    vote.answer = not_ours->holder.value.empty() ? ExtendAnswer::Absent : ExtendAnswer::Elsewhere;
    if (vote.answer == ExtendAnswer::Elsewhere) other_ = not_ours->info;
  } else {
    vote.answer = ExtendAnswer::Failed;
  }
  return judge(now);
}

std::vector<Send> ExtendOp::on_failure(Now now, NodeIndex node, RequestId id, const Failure&) {
  NodeExtension& vote = answers_[node];
  if (done_ || vote.id != id) return {};
  if (vote.answer == ExtendAnswer::Planting) vote.answer = ExtendAnswer::Settled;
  if (vote.answer == ExtendAnswer::Pending) vote.answer = ExtendAnswer::Failed;
  return judge(now);
}

std::vector<Send> ExtendOp::on_time(Now now) {
  return done_ ? std::vector<Send>{} : judge(now);
}

std::vector<Send> ExtendOp::judge(Now now) {
  const auto not_ours = [&](NodeIndex node) {
    const ExtendAnswer answer = answers_[node].answer;
    return answer == ExtendAnswer::Absent || answer == ExtendAnswer::Elsewhere;
  };
  if (!verdict_) {
    const bool over = now.boot >= validity_end(began_, rules_.ttl);  // whatever they say
    if (const auto same = membership_.duplicate()) {
      verdict_ = SameServer{same->first, same->second};
    } else if (const auto fence = agreed(); fence && !over) {
      verdict_ = LeaseExtended{
          .valid_until = validity_end(began_, rules_.ttl), .fence = fence->first, .votes = fence->second};
      // Those that have not answered get as long again, to be repaired.
      linger_until_ = now.boot + std::max(now.boot - began_, kLeastRoundTrip);
    } else if (released_ || broken_) {
      verdict_ = Lapsed{.released = released_, .broken = broken_};
    } else if (membership_.is_quorum(membership_.nodes_where(not_ours))) {
      if (count(ExtendAnswer::Elsewhere) > 0) {
        verdict_ = HeldByOther{other_};
      } else {
        verdict_ = Lapsed{.released = false};
      }
    } else if (over || count(ExtendAnswer::Pending) == 0) {
      verdict_ = NoQuorum{};
    }
  }
  if (!verdict_) return {};
  std::vector<Send> sends = repair(now);
  if (count(ExtendAnswer::Pending) == 0 || now.boot >= linger_until_) lingers_ = false;
  done_ =
      !std::holds_alternative<LeaseExtended>(*verdict_) || (!lingers_ && count(ExtendAnswer::Planting) == 0);
  return sends;
}

std::vector<Send> ExtendOp::repair(Now now) {
  const auto* extended = std::get_if<LeaseExtended>(&*verdict_);
  std::vector<Send> sends;
  if (extended == nullptr || released_ || broken_ || now.boot >= extended->valid_until) return sends;
  // A wall clock from before 1970 is no number for it.
  const std::uint64_t attempt = std::max(now.wall_us, kLeastWallAttempt);
  for (NodeIndex node = 0; node < answers_.size(); ++node) {
    NodeExtension& vote = answers_[node];
    const bool absent = vote.answer == ExtendAnswer::Absent;
    const bool doubtful = vote.answer == ExtendAnswer::Here && vote.votes && !counts(vote, extended->fence);
    if (!absent && !doubtful) continue;
    vote.id = ids_.next();
    vote.answer = ExtendAnswer::Planting;
    sends.push_back({.node = node,
                     .id = vote.id,
                     .request = ExtendRequest{.token = token_,
                                              .ttl = rules_.ttl,
                                              .fence = extended->fence,
                                              .attempt = attempt,
                                              .repair = absent,
                                              .vouches = doubtful ? vote.counter : 0},
                     .deadline = std::min(now.boot + rules_.node_timeout, extended->valid_until)});
  }
  return sends;
}

bool ExtendOp::counts(const NodeExtension& vote, Fence fence) {
  return vote.votes && (vote.fence == fence || (vote.judged && vote.counter <= fence));
}

// The fence, and how many votes count with it.
std::optional<std::pair<Fence, std::size_t>> ExtendOp::agreed() const {
  Fence known = 0;
  for (const NodeExtension& vote : answers_) {
    if (vote.votes) known = std::max(known, vote.fence);
  }
  std::map<Fence, NodeSet> said;
  for (NodeIndex node = 0; node < answers_.size(); ++node) {
    const NodeExtension& vote = answers_[node];
    const bool says = known > 0 ? counts(vote, known) : vote.votes && vote.judged;
    if (says) said[known > 0 ? known : vote.counter].add(node, membership_.server_of(node));
  }
  for (const auto& [fence, nodes] : said) {
    if (membership_.is_quorum(nodes)) return std::pair{fence, nodes.votes()};
  }
  return std::nullopt;
}

std::size_t ExtendOp::doubtful() const {
  const std::size_t counted = agreed() ? agreed()->second : 0;
  return count(ExtendAnswer::Here) - std::min(counted, count(ExtendAnswer::Here));
}

std::size_t ExtendOp::count(ExtendAnswer answer) const {
  return static_cast<std::size_t>(std::count_if(
      answers_.begin(), answers_.end(), [&](const NodeExtension& vote) { return vote.answer == answer; }));
}

}  // namespace redlock::quorum
