#include "lock/search.hpp"

#include "quorum/slot_choice.hpp"
#include "redis/look.hpp"
#include "redis/node_error.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

namespace redlock::lock {
namespace {

using quorum::Failure;
using quorum::NodeIndex;

// Locks that are probed in one round trip: enough that round trips do not count, few enough for the sockets.
constexpr std::size_t kProbesAtOnce = 100;

// The search on one node.
struct NodeSearch {
  std::string cursor = "0";
  bool ended = false;
  std::optional<Failure> trouble;
};

void take(NodeSearch& search, Response response, std::set<std::string>& keys) {
  if (auto* value = std::get_if<redis::Value>(&response.what)) {
    auto decoded = redis::decode_scan(std::move(*value));
    if (auto* step = std::get_if<redis::ScanStep>(&decoded)) {
      keys.insert(std::make_move_iterator(step->keys.begin()), std::make_move_iterator(step->keys.end()));
      search.cursor = std::move(step->cursor);
      search.ended = search.cursor == "0";
      return;
    }
    search.trouble = std::get<Failure>(std::move(decoded));
  } else {
    search.trouble = std::get<Failure>(std::move(response.what));
    if (search.trouble->detail == "ERR syntax error")
      search.trouble->detail += ": SCAN with TYPE needs Redis 6.0 or later";
  }
  search.ended = true;
}

// Step by step, on all nodes at once.
std::set<std::string> find_keys(Inspector& inspector, const std::string& prefix, const std::string& glob,
                                std::vector<NodeSearch>& nodes) {
  std::set<std::string> keys;
  for (;;) {
    std::vector<Question> questions;
    for (NodeIndex node = 0; node < nodes.size(); ++node) {
      if (nodes[node].ended) continue;
      questions.push_back({.node = node, .words = redis::scan_words(nodes[node].cursor, prefix, glob)});
    }
    if (questions.empty()) return keys;
    auto responses = *inspector.ask(questions);
    for (std::size_t i = 0; i < responses.size(); ++i)
      take(nodes[questions[i].node], std::move(responses[i]), keys);
  }
}

// A node that does not tell of a lock is not searched to its end. Other data under the name of a lock is the lock's affair.
void note_troubles(const Observations& observations, Findings& findings) {
  for (NodeIndex node = 0; node < observations.size(); ++node) {
    const Failure* const failure = observations[node].failure();
    if (failure != nullptr && failure->kind != redis::NodeError::WrongType && !findings.troubles[node])
      findings.troubles[node] = *failure;
  }
}

}  // namespace

Findings find_locks(Inspector& inspector, const std::string& prefix, const std::string& glob) {
  std::vector<NodeSearch> nodes(inspector.size());
  Findings findings{.locks = {}, .troubles = {}, .asked = inspector.driver().now().boot};
  const std::set<std::string> found = find_keys(inspector, prefix, glob, nodes);
  const std::vector<std::string> keys{found.begin(), found.end()};

  for (NodeSearch& node : nodes) findings.troubles.push_back(std::move(node.trouble));
  for (std::size_t begin = 0; begin < keys.size(); begin += kProbesAtOnce) {
    const std::size_t end = std::min(begin + kProbesAtOnce, keys.size());
    const std::vector<std::string> batch{keys.begin() + static_cast<std::ptrdiff_t>(begin),
                                         keys.begin() + static_cast<std::ptrdiff_t>(end)};
    const auto observations = *inspector.probe(batch, {}, true);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      note_troubles(observations[i], findings);
      LockStatus status = lock_status(observations[i], inspector.membership());
      if (status.state == LockState::Free) continue;
      findings.locks.push_back({.name = batch[i].substr(prefix.size()), .status = std::move(status)});
    }
  }
  return findings;
}

std::set<quorum::Slot> find_taken_slots(Inspector& inspector, const std::string& key) {
  std::vector<Question> questions;
  for (NodeIndex node = 0; node < inspector.size(); ++node) {
    if (!inspector.hung(node)) questions.push_back({.node = node, .words = redis::look_for_slots_words(key)});
  }
  std::set<quorum::Slot> taken;
  auto responses = *inspector.ask(questions);
  for (Response& response : responses) {
    auto* const value = std::get_if<redis::Value>(&response.what);
    if (value == nullptr) continue;
    const auto decoded = redis::decode_look_for_slots(std::move(*value));
    const auto* const reply = std::get_if<quorum::Reply>(&decoded);
    if (reply == nullptr) continue;
    for (const quorum::Refused& slot : quorum::taken_slots(*reply)) taken.insert(slot.name);
  }
  return taken;
}

}  // namespace redlock::lock
