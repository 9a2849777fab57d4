#include "quorum/extend_op.hpp"

#include "quorum/validity.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace redlock::quorum {
namespace {

constexpr Duration kLeastRoundTrip = std::chrono::microseconds{500};

// The number of a phase that writes nothing but expiries; in an answer it stands for a token that cannot be judged.
constexpr std::uint64_t kAsking = 1;

bool judgeable(std::uint64_t set_by) {
  return set_by == 0 || set_by >= kLeastWallAttempt;
}

}  // namespace

ExtendOp::ExtendOp(const ExtendRules& rules, Token token, Membership& membership, RequestIds& ids)
    : node_timeout_{rules.node_timeout},
      request_{.token = std::move(token), .ttl = rules.ttl, .fence = 0, .attempt = kAsking, .repair = false},
      membership_{membership},
      ids_{ids},
      nodes_(membership.nodes()),
      open_(membership.nodes()) {
}

std::vector<Send> ExtendOp::start(Now now) {
  began_ = now.boot;
  return open_.begin_all(request_, now.boot + node_timeout_, ids_);
}

std::vector<Send> ExtendOp::on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) {
  if (done() || !open_.end(node, id)) return {};
  TokenAnswer& token = nodes_[node];
  if (token.state != TokenState::Unknown) return judge(now);  // a repair that has come to its end
  if (const auto* extended = std::get_if<Extended>(&reply)) {
    token = {.state = TokenState::Here,
             .votes = membership_.eligibility(node, began_) == VoteEligibility::Voter,
             .said = *extended};
  } else if (const auto* not_ours = std::get_if<NotOurs>(&reply)) {
    note_.released = note_.released || not_ours->released;
    note_.broken = note_.broken || not_ours->broken;
    token.state = not_ours->holder.value.empty() ? TokenState::Absent : TokenState::Elsewhere;
    if (token.state == TokenState::Elsewhere && membership_.counts_as_there(node, began_))
      other_ = not_ours->info;
  }
  return judge(now);
}

std::vector<Send> ExtendOp::on_time(Now now) {
  return done() ? std::vector<Send>{} : judge(now);
}

std::vector<Send> ExtendOp::judge(Now now) {
  if (!verdict_) verdict_ = decide(now);
  if (!verdict_) return {};
  const bool extended = std::holds_alternative<LeaseExtended>(*verdict_);
  // Nodes that have not answered get as long again, to be repaired.
  if (extended && linger_until_ == TimePoint::max())
    linger_until_ = now.boot + std::max(now.boot - began_, kLeastRoundTrip);
  std::vector<Send> sends = repair(now);
  if (!awaits(TokenState::Unknown) || now.boot >= linger_until_) lingers_ = false;
  return sends;
}

bool ExtendOp::done() const {
  if (!verdict_) return false;
  return !std::holds_alternative<LeaseExtended>(*verdict_) || (!lingers_ && !awaits(TokenState::Repaired));
}

bool ExtendOp::lacks_info(NodeIndex node) const {
  const TokenAnswer& token = nodes_[node];
  return token.state == TokenState::Here && token.votes && token.said.set_by == kAsking;
}

std::optional<ExtendVerdict> ExtendOp::decide(Now now) const {
  if (const auto same = membership_.duplicate()) return SameServer{same->first, same->second};
  const TimePoint end = validity_end(began_, request_.ttl);
  const bool over = now.boot >= end;  // whatever they say
  const auto agreed = agree();
  if (agreed && !over)
    return LeaseExtended{.valid_until = end, .fence = agreed->first, .votes = agreed->second};
  if (note_.released || note_.broken) return note_;
  const NodeSet not_ours = membership_.nodes_where([&](NodeIndex node) {
    const TokenState state = nodes_[node].state;
    return (state == TokenState::Absent && membership_.counts_as_absent(node, began_)) ||
           (state == TokenState::Elsewhere && membership_.counts_as_there(node, began_));
  });
  if (membership_.is_quorum(not_ours)) {
    if (other_) return HeldByOther{*other_};
    return Lapsed{};
  }
  if (over || !awaits(TokenState::Unknown)) return NoQuorum{};
  return std::nullopt;
}

std::vector<Send> ExtendOp::repair(Now now) {
  const auto* extended = std::get_if<LeaseExtended>(&*verdict_);
  std::vector<Send> sends;
  if (extended == nullptr || note_.released || note_.broken || now.boot >= extended->valid_until)
    return sends;
  // A wall clock from before 1970 is no number for it.
  request_.attempt = std::max(now.wall_us, kLeastWallAttempt);
  request_.fence = extended->fence;
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    TokenAnswer& token = nodes_[node];
    request_.repair = token.state == TokenState::Absent;
    const bool doubtful = token.state == TokenState::Here && token.votes && !counts(token, extended->fence);
    if (!request_.repair && !doubtful) continue;
    request_.vouches = doubtful ? token.said.counter : 0;
    token.state = TokenState::Repaired;
    sends.push_back(
        {node, open_.begin(node, ids_), request_, std::min(now.boot + node_timeout_, extended->valid_until)});
  }
  return sends;
}

bool ExtendOp::counts(const TokenAnswer& token, Fence fence) {
  return token.votes &&
         (token.said.fence == fence || (judgeable(token.said.set_by) && token.said.counter <= fence));
}

// The fence, and how many votes count with it: the one that was written down, or else that of a quorum of counters.
std::optional<std::pair<Fence, std::size_t>> ExtendOp::agree() const {
  Fence known = 0;
  for (const TokenAnswer& token : nodes_) {
    if (token.votes) known = std::max(known, token.said.fence);
  }
  std::map<Fence, NodeSet> agreeing;
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    const TokenAnswer& token = nodes_[node];
    const bool says = known > 0 ? counts(token, known) : token.votes && judgeable(token.said.set_by);
    if (says) agreeing[known > 0 ? known : token.said.counter].add(node, membership_.server_of(node));
  }
  for (const auto& [fence, nodes] : agreeing) {
    if (membership_.is_quorum(nodes)) return std::pair{fence, nodes.votes()};
  }
  return std::nullopt;
}

bool ExtendOp::awaits(TokenState state) const {
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].state == state && open_.awaits(node)) return true;
  }
  return false;
}

}  // namespace redlock::quorum
