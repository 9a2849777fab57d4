#include "lock/health_check.hpp"

#include "redis/node_error.hpp"

#include <cstdint>
#include <utility>

namespace redlock::lock {
namespace {

using quorum::Failure;
using quorum::NodeIndex;

// The questions of the first round trip, in this order.
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

// The answer as `decode` reads it; nothing: it is a failure, or cannot be read.
template <class What, class Decode>
std::optional<What> decoded(Response& response, Decode decode) {
  auto* value = std::get_if<redis::Value>(&response.what);
  if (value == nullptr) return std::nullopt;
  auto outcome = decode(std::move(*value));
  if (auto* what = std::get_if<What>(&outcome)) return std::move(*what);
  return std::nullopt;
}

// An ACL that permits the keys of some locks only refuses the key of the trial; this says nothing about those locks.
bool is_about_the_key(const Failure& failure) {
  return failure.kind == redis::NodeError::NotPermitted && failure.detail.find("access") != std::string::npos;
}

NodeReport report_of(Response* answers, NodeIndex node, const quorum::Membership& membership) {
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

void read_time(Now began, Response response, NodeReport& report) {
  const auto* failure = std::get_if<Failure>(&response.what);
  if (failure != nullptr && !redis::is_about_command(*failure)) {
    report.failure = *failure;
    return;
  }
  report.round_trip = response.took;
  const auto theirs =
      decoded<std::uint64_t>(response, [](const redis::Value& value) { return redis::decode_time(value); });
  if (!theirs) return;
  const auto since =
      std::chrono::duration_cast<std::chrono::microseconds>(response.sent - began.boot + response.took / 2);
  const auto ours = static_cast<std::int64_t>(began.wall_us) + since.count();
  report.clock_ahead = std::chrono::microseconds{static_cast<std::int64_t>(*theirs) - ours};
}

}  // namespace

std::vector<NodeReport> check_nodes(Inspector& inspector) {
  auto responses = *inspector.ask(first_questions(inspector.size()));
  std::vector<NodeReport> reports;
  for (NodeIndex node = 0; node < inspector.size(); ++node) {
    reports.push_back(report_of(&responses[node * kAskedCount], node, inspector.membership()));
  }

  // The connections are open now, so these answers take a bare round trip.
  std::vector<Question> questions;
  for (NodeIndex node = 0; node < inspector.size(); ++node) {
    if (!reports[node].failure) questions.push_back({.node = node, .words = redis::time_words()});
  }
  const Now began = inspector.driver().now();
  auto times = *inspector.ask(questions);
  for (std::size_t i = 0; i < times.size(); ++i) {
    read_time(began, std::move(times[i]), reports[questions[i].node]);
  }
  return reports;
}

}  // namespace redlock::lock
