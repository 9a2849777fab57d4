#include "lock/search.hpp"

#include "redis/look.hpp"

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
struct Progress {
  std::string cursor = "0";
  bool ended = false;
  std::optional<Failure> trouble;
};

void take(Progress& progress, Response response, std::set<std::string>& keys) {
  if (auto* value = std::get_if<redis::Value>(&response.what)) {
    auto decoded = redis::decode_scan(std::move(*value));
    if (auto* step = std::get_if<redis::ScanStep>(&decoded)) {
      keys.insert(std::make_move_iterator(step->keys.begin()), std::make_move_iterator(step->keys.end()));
      progress.cursor = std::move(step->cursor);
      progress.ended = progress.cursor == "0";
      return;
    }
    progress.trouble = std::get<Failure>(std::move(decoded));
  } else {
    progress.trouble = std::get<Failure>(std::move(response.what));
  }
  progress.ended = true;
}

// Step by step, on all nodes at once.
std::set<std::string> find_keys(Inspector& inspector, const std::string& prefix, const std::string& glob,
                                std::vector<Progress>& nodes) {
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

}  // namespace

Findings find_locks(Inspector& inspector, const std::string& prefix, const std::string& glob) {
  std::vector<Progress> nodes(inspector.size());
  const std::set<std::string> found = find_keys(inspector, prefix, glob, nodes);
  const std::vector<std::string> keys{found.begin(), found.end()};

  Findings findings;
  for (Progress& node : nodes) findings.troubles.push_back(std::move(node.trouble));
  for (std::size_t begin = 0; begin < keys.size(); begin += kProbesAtOnce) {
    const std::size_t end = std::min(begin + kProbesAtOnce, keys.size());
    const std::vector<std::string> batch{keys.begin() + static_cast<std::ptrdiff_t>(begin),
                                         keys.begin() + static_cast<std::ptrdiff_t>(end)};
    const auto observations = *inspector.probe(batch, {}, true);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      quorum::LockStatus status = quorum::lock_status(observations[i], inspector.membership());
      if (status.state == quorum::LockState::Free) continue;
      findings.locks.push_back({.name = batch[i].substr(prefix.size()), .status = std::move(status)});
    }
  }
  return findings;
}

}  // namespace redlock::lock
