#include "whole/tap.hpp"

#include "quorum/types.hpp"
#include "whole/scripts.hpp"

#include <charconv>

namespace redlock::sim {
namespace {

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Asked read_request(const Words& words) {
  Asked asked;
  asked.about_lock = !words.empty() && (words[0] == "EVAL" || words[0] == "GET");
  if (words.size() < 4 || words[0] != "EVAL") return asked;
  asked.kind = known_script(words[1]).kind;
  const std::size_t argv = 3 + number(words[2]);
  if (asked.kind == ScriptKind::Other || argv >= words.size()) return asked;
  asked.token = words[argv];
  if (asked.kind == ScriptKind::Acquire) asked.proposal = number(words.at(argv + 2));
  if (asked.kind == ScriptKind::Extend) {
    asked.attempt = number(words.at(argv + 4));
    const bool repairs = words.at(argv + 5) == "1";
    const bool vouches = words.at(argv + 6) != "0";
    asked.proves = asked.attempt < quorum::kLeastWallAttempt || (!repairs && !vouches);
  }
  return asked;
}

}  // namespace

void Tap::wrote(std::string_view bytes, TimePoint now, Instant at) {
  marks_.push_back({.from = written_, .now = now, .at = at});
  written_ += bytes.size();
  reader_.feed(bytes);
  while (const auto cut = reader_.next()) {
    while (marks_.size() > 1 && marks_[1].from <= cut->first) marks_.pop_front();
    Asked asked = read_request(cut->words);
    asked.sent = marks_.front().now;
    asked.sent_at = marks_.front().at;
    asked.server = &server_;
    listener_.asked(address_, asked);
    requests_.push_back({.first = cut->first, .asked = std::move(asked)});
  }
}

void Tap::answered(std::uint64_t request_first, std::uint64_t reply_end, bool refused) {
  while (!requests_.empty() && requests_.front().first < request_first) requests_.pop_front();
  if (requests_.empty()) return;
  requests_.front().asked.refused = refused;
  replies_.push_back({.end = reply_end, .asked = std::move(requests_.front().asked)});
  requests_.pop_front();
}

void Tap::read(std::uint64_t bytes_in_all) {
  while (!replies_.empty() && replies_.front().end <= bytes_in_all) {
    listener_.read_reply(address_, replies_.front().asked);
    replies_.pop_front();
  }
}

}  // namespace redlock::sim
