#include "lock/examination.hpp"

#include "redis/node_error.hpp"

#include <cstdint>
#include <utility>

namespace redlock::lock {
namespace {

using quorum::Failure;
using quorum::NodeIndex;

// What is asked in the first round trip, in this order.
enum Asked : std::size_t { kInfo, kFsync, kSave, kTrial, kAskedCount };

std::vector<Question> first_questions(std::size_t nodes) {
  std::vector<Question> questions;
  for (NodeIndex node = 0; node < nodes; ++node) {
    questions.push_back({.node = node, .words = redis::report_words()});
    questions.push_back({.node = node, .words = redis::config_words("appendfsync")});
    questions.push_back({.node = node, .words = redis::config_words("save")});
    questions.push_back({.node = node, .words = redis::trial_words()});
  }
  return questions;
}

// What a decoder makes of an answer, if it can.
template <class What, class Decode>
std::optional<What> decoded(Heard& heard, Decode decode) {
  auto* value = std::get_if<redis::Value>(&heard.what);
  if (value == nullptr) return std::nullopt;
  auto outcome = decode(std::move(*value));
  if (auto* what = std::get_if<What>(&outcome)) return std::move(*what);
  return std::nullopt;
}

// A user that may touch the keys of some locks only is refused the key of the trial, which says nothing about those.
bool is_about_the_key(const Failure& failure) {
  return failure.kind == redis::NodeError::NotPermitted && failure.detail.find("access") != std::string::npos;
}

NodeReport report_of(Heard* answers, NodeIndex node, const quorum::Membership& membership) {
  NodeReport report{.asked = answers[kInfo].sent};
  const auto* failure = std::get_if<Failure>(&answers[kInfo].what);
  if (failure != nullptr && !redis::is_about_command(*failure)) {
    report.failure = *failure;
    return report;
  }
  report.eligibility = membership.eligibility(node, report.asked);
  report.anonymous = membership.anonymous(node);
  report.server = decoded<redis::ServerReport>(
      answers[kInfo], [](const redis::Value& value) { return redis::decode_report(value); });
  report.appendfsync = decoded<std::string>(answers[kFsync], redis::decode_config);
  report.save = decoded<std::string>(answers[kSave], redis::decode_config);
  const auto* refusal = std::get_if<Failure>(&answers[kTrial].what);
  if (refusal != nullptr && !is_about_the_key(*refusal)) report.refusal = *refusal;
  return report;
}

void read_clock(Now began, Heard heard, NodeReport& report) {
  const auto* failure = std::get_if<Failure>(&heard.what);
  if (failure != nullptr && !redis::is_about_command(*failure)) {
    report.failure = *failure;
    return;
  }
  report.round_trip = heard.took;
  const auto theirs =
      decoded<std::uint64_t>(heard, [](const redis::Value& value) { return redis::decode_time(value); });
  if (!theirs) return;
  const auto since =
      std::chrono::duration_cast<std::chrono::microseconds>(heard.sent - began.boot + heard.took / 2);
  const auto ours = static_cast<std::int64_t>(began.wall_us) + since.count();
  report.clock_ahead = std::chrono::microseconds{static_cast<std::int64_t>(*theirs) - ours};
}

}  // namespace

std::vector<NodeReport> examine(Onlooker& onlooker) {
  auto heard = *onlooker.ask(first_questions(onlooker.size()));
  std::vector<NodeReport> reports;
  for (NodeIndex node = 0; node < onlooker.size(); ++node) {
    reports.push_back(report_of(&heard[node * kAskedCount], node, onlooker.membership()));
  }

  // On the connections that are open now, so that it is the round trip alone that is measured.
  std::vector<Question> questions;
  for (NodeIndex node = 0; node < onlooker.size(); ++node) {
    if (!reports[node].failure) questions.push_back({.node = node, .words = redis::time_words()});
  }
  const Now began = onlooker.clock().now();
  auto times = *onlooker.ask(questions);
  for (std::size_t i = 0; i < times.size(); ++i) {
    read_clock(began, std::move(times[i]), reports[questions[i].node]);
  }
  return reports;
}

}  // namespace redlock::lock
