#include "contender.hpp"

#include "base/overload.hpp"
#include "describe.hpp"
#include "quorum/validity.hpp"
#include "server.hpp"

#include <algorithm>

namespace redlock::sim {

namespace {

// What `ask` says of the lease, whichever kind it is; `none` where there is none.
template <class Held, class None, class Ask>
auto of_lease(Held& held, None none, Ask ask) {
  return std::visit(Overload{[&](std::monostate) { return none; }, [&](auto& lease) { return ask(lease); }},
                    held);
}

}  // namespace

using quorum::AcquireOp;
using quorum::AcquireVerdict;
using quorum::Failure;
using quorum::NodeIndex;
using quorum::Reply;
using quorum::RequestId;
using quorum::Send;

Contender::Contender(Setting& setting, Referee& referee, std::string name,
                     const std::vector<Server*>& server_of_address, const Habits& habits, std::uint64_t seed,
                     Names names)
    : Process{setting, std::move(name), server_of_address},
      referee_{referee},
      habits_{habits},
      wanted_{std::move(names)},
      dice_{seed},
      membership_{server_of_address.size(), setting.scenario.quarantine},
      attempts_left_{habits.attempts},
      cycles_left_{habits.cycles},
      votes_(server_of_address.size()) {
  set_names(wanted_);
}

Names Contender::names() const {
  return slot_ > 0 ? Names{wanted_[slot_ - 1]} : wanted_;
}

// What says no slot is about the lock that it holds.
Names Contender::names_for(const Command& command) const {
  const auto* probe = std::get_if<quorum::ProbeRequest>(&command);
  return slot_of(command) > 0 || (probe != nullptr && probe->slots) ? wanted_ : names();
}

void Contender::on_start() {
  begin_attempt();
}

void Contender::begin_attempt() {
  --attempts_left_;
  left_behind_ = {};
  slot_ = 0;
  const quorum::AcquireRules rules{.ttl = habits_.ttl,
                                   .node_timeout = habits_.node_timeout,
                                   .least_validity = habits_.lead + quorum::stop_margin(habits_.ttl),
                                   .max_rounds = habits_.max_rounds,
                                   .slots = habits_.slots ? wanted_.size() : 0};
  acquisition_ = std::make_unique<AcquireOp>(rules, membership_, ids_, dice_);
  stage_ = Stage::Acquiring;
  attempt_began_ = now().boot;
  send_all(acquisition_->start(now()));
  advance();
}

void Contender::send_all(const std::vector<Send>& sends) {
  for (const Send& sending : sends) {
    if (const auto* acquire = std::get_if<quorum::AcquireRequest>(&sending.request)) {
      if (token_ != acquire->token) {
        if (!token_.value.empty()) referee_.abandoned(token_);
        token_ = acquire->token;
        referee_.asked(*this, token_);
      }
      round_began_ = setting_.queue.now();
      votes_[sending.node] = {.id = sending.id, .sent = now().boot};
    }
    // By hand, what plants or vouches comes behind the success.
    const auto* extend = std::get_if<quorum::ExtendRequest>(&sending.request);
    const bool behind = habits_.by_hand && extend != nullptr && (extend->repair || extend->vouches > 0);
    const bool first = extensions_began_.empty();
    if (extend != nullptr && habits_.by_hand && (!behind || first))
      extensions_began_ = {setting_.queue.now()};
    if (extend != nullptr && !habits_.by_hand && extensions_began_.size() < extend->attempt) {
      extensions_began_.resize(extend->attempt, setting_.queue.now());
    }
    if (const auto* release = std::get_if<quorum::ReleaseRequest>(&sending.request)) {
      releases_.emplace_back(sending.id, release->token);
      owed_.add(sending);
      referee_.release_sent(release->token, sending.node, sending.deadline);
    }
    const Command command =
        std::visit([](const auto& request) -> Command { return request; }, sending.request);
    set_names(names_for(command));
    send(sending.node, sending.id, command, sending.deadline);
  }
}

void Contender::on_identity(NodeIndex address, const quorum::Identity& identity) {
  membership_.on_identity(now(), address, identity);
}

void Contender::on_reply(NodeIndex address, RequestId id, const Reply& reply) {
  std::erase_if(releases_, [&](const auto& release) { return release.first == id; });
  owed_.on_reply(id);
  if (Vote& vote = votes_[address]; vote.id == id) {
    vote.read = now().boot;
    vote.server = &server_at(address);
  }
  if (acquisition_) send_all(acquisition_->on_reply(now(), address, id, reply));
  send_all(of_lease(lease_, std::vector<Send>{},
                    [&](auto& lease) { return lease.on_reply(now(), address, id, reply); }));
  if (releasing_) releasing_->on_reply(now(), address, id, reply);
  advance();
}

void Contender::on_failure(NodeIndex address, RequestId id, const Failure& failure) {
  if (setting_.traced()) {
    setting_.say(name(), fmt::format("request {} to address {}: {}", id, address + 1, describe(failure)));
  }
  if (!owed_.on_failure(now(), id, failure)) failed(address, id, failure);
}

void Contender::failed(NodeIndex address, RequestId id, const Failure& failure) {
  const auto release = std::find_if(releases_.begin(), releases_.end(),
                                    [&](const auto& candidate) { return candidate.first == id; });
  if (release != releases_.end()) {
    referee_.release_failed(release->second, address, failure.detail == kErrorForGood);
    releases_.erase(release);
  }
  if (acquisition_) send_all(acquisition_->on_reply(now(), address, id, failure));
  send_all(of_lease(lease_, std::vector<Send>{},
                    [&](auto& lease) { return lease.on_reply(now(), address, id, failure); }));
  if (releasing_) releasing_->on_reply(now(), address, id, failure);
  advance();
}

TimePoint Contender::deadline() const {
  return std::min(stage_deadline(), owed_.deadline());
}

TimePoint Contender::stage_deadline() const {
  switch (stage_) {
    case Stage::Acquiring: return acquisition_->deadline();
    case Stage::Holding:
      return std::min(wake_at_,
                      of_lease(lease_, TimePoint::max(), [](const auto& lease) { return lease.deadline(); }));
    case Stage::Idle:
    case Stage::Stopping: return wake_at_;
    case Stage::Releasing:
    case Stage::Done: return TimePoint::max();
  }
  return TimePoint::max();
}

void Contender::on_time() {
  const auto due = owed_.on_time(now());
  for (const Send& again : due.again) {
    send(again.node, again.id, std::get<quorum::ReleaseRequest>(again.request), again.deadline);
  }
  for (const auto& expired : due.expired) failed(expired.node, expired.id, expired.failure);
  if (now().boot < stage_deadline()) return;
  switch (stage_) {
    case Stage::Idle: begin_attempt(); return;
    case Stage::Acquiring: send_all(acquisition_->on_time(now())); break;
    case Stage::Holding:
      send_all(of_lease(lease_, std::vector<Send>{}, [&](auto& lease) { return lease.on_time(now()); }));
      if (now().boot >= wake_at_ &&
          of_lease(lease_, false, [](const auto& lease) { return !lease.lost(); })) {
        return begin_releasing(false);
      }
      break;
    case Stage::Stopping: begin_releasing(true); return;
    case Stage::Releasing:
    case Stage::Done: return;
  }
  advance();
}

void Contender::interrupt() {
  if (dead() || paused() || stage_ != Stage::Acquiring) return;
  setting_.say(name(), "is interrupted");
  attempts_left_ = 0;
  cycles_left_ = 0;
  send_all(acquisition_->cancel(now()));
  advance();
}

void Contender::advance() {
  if (stage_ == Stage::Acquiring && acquisition_->verdict()) judged();
  if (stage_ == Stage::Holding) check_lease();
  if (stage_ == Stage::Releasing && releasing_->done()) {
    cycles_left_ -= std::min(cycles_left_, 1U);
    attempts_left_ = habits_.attempts;
    if (cycles_left_ > 0) {
      idle(setting_.dice.between(Duration{}, Duration{habits_.ttl}));
    } else {
      stage_ = Stage::Done;
    }
  }
}

// Rounds are bounded, and so is each: two round trips (votes, confirmations) and a pause of at most 19 round trips.
void Contender::judged() {
  const AcquireVerdict& verdict = *acquisition_->verdict();
  const Duration took = now().boot - attempt_began_;
  if (setting_.traced()) {
    setting_.say(name(), fmt::format("{} after {} rounds, {}", describe(verdict), acquisition_->rounds(),
                                     describe(took)));
  }
  attempted_.push_back({.rounds = acquisition_->rounds(),
                        .took = took,
                        .won = std::holds_alternative<quorum::Won>(verdict),
                        .decided = setting_.queue.now()});
  verdicts_.push_back(verdict);
  if (acquisition_->rounds() > habits_.max_rounds) {
    setting_.violated(fmt::format("{} took {} rounds", name(), acquisition_->rounds()));
  }
  if (!interruptions() && took > habits_.max_rounds * 21 * habits_.node_timeout) {
    setting_.violated(fmt::format("{} took {} for one attempt", name(), describe(took)));
  }
  if (const auto* won = std::get_if<quorum::Won>(&verdict)) return hold(*won);
  referee_.abandoned(token_);
  token_ = {};
  if (attempts_left_ == 0 || std::holds_alternative<quorum::SameServer>(verdict)) {
    stage_ = Stage::Done;
    return;
  }
  // As a waiter does: at the time at which a quorum falls free, or soon.
  const auto* held = std::get_if<quorum::Held>(&verdict);
  if (held != nullptr && held->free_in && !habits_.polls && setting_.dice.chance(0.7)) {
    return idle(*held->free_in + setting_.dice.between(Duration{}, setting_.scenario.latency * 2));
  }
  idle(setting_.dice.between(setting_.scenario.latency, Duration{habits_.ttl} / 2));
}

bool Contender::interruptions() const {
  return has(setting_.scenario.faults, Fault::ClientPauses) || has(setting_.scenario.faults, Fault::Suspends);
}

void Contender::hold(const quorum::Won& won) {
  referee_.granted(*this, won, votes_, round_began_, quorum::longest_round(habits_.longest_round));
  extensions_began_.clear();
  slot_ = won.slot;
  stage_ = Stage::Holding;
  won_at_ = now().boot;
  extensions_ = 0;
  wake_at_ = now().boot + setting_.dice.between(habits_.least_hold, habits_.hold);
  const quorum::LeaseRules rules{
      .ttl = habits_.ttl, .node_timeout = habits_.longest_round, .lead = habits_.lead};
  if (habits_.by_hand) {
    lease_.emplace<HandHeld>(rules, won, membership_, ids_, dice_, now());
  } else {
    lease_.emplace<quorum::Lease>(rules, membership_, won, ids_, dice_);
  }
}

void Contender::check_lease() {
  of_lease(lease_, 0, [&](const auto& lease) {
    check_lease(lease);
    return 0;
  });
}

template <class Lease>
void Contender::check_lease(const Lease& lease) {
  if (lease.last_success() != extensions_) {
    extensions_ = lease.last_success();
    if (setting_.traced()) setting_.say(name(), fmt::format("extended by attempt {}", extensions_));
    if (habits_.by_hand) {
      referee_.extended_by_hand(token_, extensions_began_.back(), now().boot, lease.valid_until(),
                                habits_.ttl);
    } else {
      referee_.extended(token_, extensions_, extensions_began_[extensions_ - 1], now().boot,
                        lease.valid_until(), habits_.ttl);
    }
  }
  if (!lease.lost()) {
    if (lease.deadline() > lease.valid_until() - habits_.lead) {
      setting_.violated(fmt::format("{} would not look at its lease before its end", name()));
    }
    return;
  }
  if (setting_.traced()) setting_.say(name(), fmt::format("lost its lease: {}", describe(*lease.lost())));
  const TimePoint end = lease.valid_until();
  // Only a client that was stopped itself may learn it later.
  if (std::holds_alternative<quorum::Expired>(*lease.lost()) && !interruptions() &&
      now().boot > end - habits_.lead + std::chrono::microseconds{1}) {
    setting_.violated(fmt::format("{} says too late that its lease is lost", name()));
  }
  // The command is stopped, which takes up to kill_after.
  stage_ = Stage::Stopping;
  wake_at_ = now().boot + setting_.dice.between(Duration{}, std::max(end - now().boot, Duration{}));
}

// As `redlock run --at-least`.
std::optional<quorum::Rest> Contender::rest_left() const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(won_at_ + habits_.at_least - now().boot);
  return left.count() > 0 ? std::optional{quorum::Rest{.length = left}} : std::nullopt;
}

void Contender::begin_releasing(bool lost) {
  stage_ = Stage::Releasing;
  released_ = setting_.queue.now();
  referee_.ended(token_);
  referee_.abandoned(token_);
  quorum::ReleaseRequest release{.token = token_,
                                 .note = habits_.by_hand ? habits_.ttl : std::chrono::milliseconds{}};
  if (!lost && !habits_.by_hand) release.rest = rest_left();
  if (release.rest) {
    release.note = habits_.ttl;
    left_behind_ = token_;
  }
  releasing_ = std::make_unique<quorum::ReleaseOp>(membership_, release, habits_.node_timeout, ids_);
  lease_ = std::monostate{};
  token_ = {};
  send_all(releasing_->start(now()));
  advance();
}

void Contender::idle(Duration length) {
  stage_ = Stage::Idle;
  wake_at_ = now().boot + length;
}

}  // namespace redlock::sim
