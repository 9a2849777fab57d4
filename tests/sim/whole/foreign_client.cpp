#include "whole/foreign_client.hpp"

#include "describe.hpp"
#include "quorum/validity.hpp"
#include "whole/node_server.hpp"
#include "whole/program.hpp"

#include <utility>

namespace redlock::sim {

ForeignClient::ForeignClient(Setting& setting, Referee& referee, std::string name,
                             std::vector<NodeServer*> nodes, std::size_t wanted, std::uint64_t seed)
    : setting_{setting},
      referee_{referee},
      name_{std::move(name)},
      machine_{draw_machine(setting)},
      dice_{mix(seed)},
      nodes_{std::move(nodes)},
      wanted_{wanted},
      last_(nodes_.size()),
      attempts_left_{setting.scenario.attempts} {
}

void ForeignClient::ask() {
  if (attempts_left_-- == 0) return;
  token_ = {random_hex_token(dice_)};
  judged_ = false;
  answers_ = votes_ = 0;
  asked_at_ = now().boot;
  if (setting_.traced()) setting_.say(name_, "asks with " + describe(token_));
  for (std::size_t address = 0; address < nodes_.size(); ++address) {
    send(
        address,
        [name = wanted_, token = token_, ttl = setting_.scenario.ttl](NodeServer& node) {
          return node.set_for_foreigner(name, token.value, ttl);
        },
        [this, token = token_](bool set) {
          if (judged_ || token != token_) return;
          if (set) ++votes_;
          if (++answers_ == nodes_.size()) judge();
        });
  }
  plan(asked_at_ + setting_.scenario.node_timeout, [this, token = token_] {
    if (!judged_ && token == token_) judge();
  });
}

void ForeignClient::judge() {
  judged_ = true;
  const TimePoint valid_until = quorum::validity_end(asked_at_, setting_.scenario.ttl);
  if (votes_ < majority_of(nodes_.size()) || now().boot >= valid_until) return give_back();
  setting_.say(name_, "won");
  referee_.granted_to_foreigner(*this, token_, {wanted_}, valid_until);
  plan(now().boot + dice_.between(Duration{}, valid_until - now().boot), [this] {
    referee_.ended(token_);
    give_back();
  });
}

void ForeignClient::give_back() {
  for (std::size_t address = 0; address < nodes_.size(); ++address) {
    send(
        address,
        [name = wanted_, token = token_](NodeServer& node) {
          node.release_for_foreigner(name, token.value);
          return true;
        },
        [](bool) {});
  }
  plan(now().boot + dice_.between(Duration{}, Duration{setting_.scenario.ttl} / 2), [this] { ask(); });
}

// On one connection to each node: in order, and lost when the node ends.
void ForeignClient::send(std::size_t address, Request request, Answer answer) {
  NodeServer& node = *nodes_[address];
  last_[address] = std::max(setting_.queue.now() + setting_.latency(), last_[address] + Duration{1});
  if (setting_.strikes(Fault::LostRequests)) return;
  setting_.queue.plan(last_[address],
                      [this, &node, started = node.started_at(), request = std::move(request),
                       answer = std::move(answer)] { arrive(node, started, request, answer); });
}

void ForeignClient::arrive(NodeServer& node, Instant started_at, const Request& request,
                           const Answer& answer) {
  if (!node.up() || node.started_at() != started_at) return;
  if (node.hangs_until() > setting_.queue.now()) {
    setting_.queue.plan(node.hangs_until(), [this, &node, started_at, request, answer] {
      arrive(node, started_at, request, answer);
    });
    return;
  }
  const bool said = request(node);
  if (setting_.strikes(Fault::LostReplies)) return;
  setting_.queue.plan(setting_.queue.now() + setting_.latency(), [answer, said] { answer(said); });
}

}  // namespace redlock::sim
