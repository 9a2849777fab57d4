#include "foreigner.hpp"

#include "describe.hpp"
#include "quorum/validity.hpp"

namespace redlock::sim {

Foreigner::Foreigner(Setting& setting, Referee& referee, std::string name,
                     const std::vector<Server*>& server_of_address, unsigned attempts, std::uint64_t seed,
                     std::size_t wanted)
    : Process{setting, std::move(name), server_of_address},
      referee_{referee},
      dice_{seed},
      nodes_{server_of_address.size()},
      attempts_left_{attempts} {
  set_names({wanted});
}

void Foreigner::ask() {
  --attempts_left_;
  stage_ = Stage::Asking;
  token_ = {random_hex_token(dice_)};
  first_of_round_ = last_id_ + 1;
  answers_ = 0;
  votes_ = 0;
  asked_at_ = now().boot;
  wake_at_ = TimePoint::max();
  for (quorum::NodeIndex address = 0; address < nodes_; ++address) {
    send(address, ++last_id_, ForeignSet{.token = token_, .ttl = setting_.scenario.ttl},
         now().boot + setting_.scenario.node_timeout);
  }
}

void Foreigner::on_reply(quorum::NodeIndex /*address*/, quorum::RequestId id, const quorum::Reply& reply) {
  if (stage_ != Stage::Asking || id < first_of_round_) return;
  ++answers_;
  if (std::holds_alternative<quorum::Granted>(reply)) ++votes_;
  counted();
}

void Foreigner::on_failure(quorum::NodeIndex /*address*/, quorum::RequestId id,
                           const quorum::Failure& /*failure*/) {
  if (stage_ != Stage::Asking || id < first_of_round_) return;
  ++answers_;
  counted();
}

void Foreigner::counted() {
  if (answers_ < nodes_) return;
  const TimePoint valid_until = quorum::validity_end(asked_at_, setting_.scenario.ttl);
  if (votes_ < majority_of(nodes_) || now().boot >= valid_until) {
    give_back();
    rest_or_end();
    return;
  }
  setting_.say(name(), "won");
  referee_.granted_to_foreigner(*this, token_, names(), valid_until);
  stage_ = Stage::Holding;
  wake_at_ = now().boot + dice_.between(Duration{}, valid_until - now().boot);
}

void Foreigner::give_back() {
  for (quorum::NodeIndex address = 0; address < nodes_; ++address) {
    send(address, ++last_id_, quorum::ReleaseRequest{token_}, now().boot + setting_.scenario.node_timeout);
  }
}

void Foreigner::on_time() {
  if (stage_ == Stage::Resting) return ask();
  if (stage_ != Stage::Holding) return;
  referee_.ended(token_);
  give_back();
  rest_or_end();
}

void Foreigner::rest_or_end() {
  const bool again = attempts_left_ > 0;
  stage_ = again ? Stage::Resting : Stage::Done;
  wake_at_ =
      again ? now().boot + dice_.between(Duration{}, Duration{setting_.scenario.ttl} / 2) : TimePoint::max();
}

}  // namespace redlock::sim
