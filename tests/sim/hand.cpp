#include "hand.hpp"

#include "contender.hpp"
#include "describe.hpp"
#include "quorum/validity.hpp"

#include <algorithm>

namespace redlock::sim {

using quorum::Send;

Hand::Hand(Setting& setting, Referee& referee, std::string name,
           const std::vector<Server*>& server_of_address, const std::vector<Contender*>& contenders)
    : Process{setting, std::move(name), server_of_address},
      referee_{referee},
      contenders_{contenders},
      membership_{server_of_address.size(), setting.scenario.quarantine},
      looks_left_{2 + static_cast<unsigned>(setting.dice.below(12))} {
}

void Hand::on_start() {
  act();
}

void Hand::act() {
  if (looks_left_ == 0) return;
  --looks_left_;
  std::vector<const Contender*> holders;
  for (const Contender* contender : contenders_) {
    const bool has_token = contender->holds() || !contender->left_behind().value.empty();
    if (has_token && !contender->dead()) holders.push_back(contender);
  }
  if (holders.empty()) return idle();
  const Contender& holder = *holders[setting_.dice.below(holders.size())];
  token_ = holder.holds() ? holder.token() : holder.left_behind();
  // Somebody may know of one name only.
  const Names& all = holder.names();
  set_names(setting_.dice.chance(0.3) ? Names{all[setting_.dice.below(all.size())]} : all);
  judged_ = false;
  setting_.dice.chance(0.6) ? extend(holder) : break_lock(holder);
}

void Hand::idle() {
  extension_.reset();
  releasing_.reset();
  wake_at_ = now().boot + setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} / 2);
}

void Hand::extend(const Contender& holder) {
  if (setting_.traced()) setting_.say(name(), fmt::format("extends {} by hand", describe(token_)));
  referee_.hand_extends(token_);
  asked_ = setting_.queue.now();
  // Often with a TTL of its own, as `redlock extend --ttl 2s` in the command of `redlock run`.
  const std::chrono::milliseconds own{
      setting_.dice.between(quorum::kLeastTtl, Duration{setting_.scenario.ttl}) /
      std::chrono::milliseconds{1}};
  const std::chrono::milliseconds ttl = setting_.dice.chance(0.5) ? own : holder.habits().ttl;
  extension_.emplace(quorum::ExtendRules{.ttl = ttl, .node_timeout = setting_.scenario.node_timeout}, token_,
                     membership_, ids_);
  send_all(extension_->start(now()));
  judge();
}

void Hand::break_lock(const Contender& holder) {
  if (setting_.traced()) setting_.say(name(), fmt::format("breaks {}", describe(token_)));
  referee_.breaks(token_);
  releasing_.emplace(membership_,
                     quorum::ReleaseRequest{.token = token_, .note = holder.habits().ttl, .breaks = true},
                     setting_.scenario.node_timeout, ids_);
  send_all(releasing_->start(now()));
}

void Hand::send_all(const std::vector<Send>& sends) {
  for (const Send& sending : sends) {
    if (std::holds_alternative<quorum::ReleaseRequest>(sending.request)) owed_.add(sending);
    send(sending.node, sending.id,
         std::visit([](const auto& request) -> Command { return request; }, sending.request),
         sending.deadline);
  }
}

void Hand::on_identity(quorum::NodeIndex address, const quorum::Identity& identity) {
  membership_.on_identity(now(), address, identity);
}

void Hand::on_reply(quorum::NodeIndex address, quorum::RequestId id, const quorum::Reply& reply) {
  owed_.on_reply(id);
  if (extension_) send_all(extension_->on_reply(now(), address, id, reply));
  if (releasing_) releasing_->on_reply(now(), address, id, reply);
  judge();
}

void Hand::on_failure(quorum::NodeIndex address, quorum::RequestId id, const quorum::Failure& failure) {
  if (owed_.on_failure(now(), id, failure)) return;
  if (extension_) send_all(extension_->on_reply(now(), address, id, failure));
  if (releasing_) releasing_->on_reply(now(), address, id, failure);
  judge();
}

TimePoint Hand::deadline() const {
  return std::min({wake_at_, owed_.deadline(), extension_ ? extension_->deadline() : TimePoint::max()});
}

void Hand::on_time() {
  const auto due = owed_.on_time(now());
  for (const Send& again : due.again) {
    send(again.node, again.id, std::get<quorum::ReleaseRequest>(again.request), again.deadline);
  }
  for (const auto& expired : due.expired) {
    if (releasing_) releasing_->on_reply(now(), expired.node, expired.id, expired.failure);
  }
  if (extension_) send_all(extension_->on_time(now()));
  judge();
  if (now().boot < wake_at_) return;
  wake_at_ = TimePoint::max();
  act();
}

void Hand::judge() {
  if (extension_ && extension_->verdict() && !std::exchange(judged_, true)) {
    if (std::holds_alternative<quorum::LeaseExtended>(*extension_->verdict())) {
      if (setting_.traced()) setting_.say(name(), fmt::format("has extended {}", describe(token_)));
      referee_.hand_extended(token_, asked_, names());
    }
  }
  if (releasing_ && releasing_->done() && !std::exchange(judged_, true)) {
    if (releasing_->result() == quorum::ReleaseResult::Ours) {
      if (setting_.traced()) setting_.say(name(), fmt::format("has broken {}", describe(token_)));
      referee_.broke(token_);
    }
  }
  const bool over = (extension_ && extension_->done()) || (releasing_ && releasing_->done());
  if (over) idle();
}

}  // namespace redlock::sim
