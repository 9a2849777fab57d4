#include "lock/health_check.hpp"

#include "redis/node_error.hpp"

#include <cstdint>
#include <utility>

namespace redlock::lock {
namespace {

using quorum::Failure;
using quorum::NodeIndex;

// The questions of the first round trip, in this order.
enum FirstQuestion : std::size_t {
  kInfo,
  kFsync,
  kSave,
  kTrial,
  kClientId,
  kTracking,
  kQueueTrial,
  kAskedCount
};

std::vector<Question> first_questions(std::size_t nodes) {
  std::vector<Question> questions;
  for (NodeIndex node = 0; node < nodes; ++node) {
    questions.push_back({.node = node, .words = redis::report_words()});
    questions.push_back({.node = node, .words = redis::config_words("appendfsync")});
    questions.push_back({.node = node, .words = redis::config_words("save")});
    questions.push_back({.node = node, .words = redis::trial_words()});
    questions.push_back({.node = node, .words = redis::client_id_words()});
    questions.push_back({.node = node, .words = redis::tracking_words()});
    questions.push_back({.node = node, .words = redis::queue_trial_words()});
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

// Why a trial failed. An ACL that permits the keys of some locks only refuses the keys of the trial, which says nothing
// about those locks: then `untried`.
std::optional<Failure> refusal_in(const Response& response, bool& untried) {
  std::optional<Failure> failure;
  if (const auto* value = std::get_if<redis::Value>(&response.what)) {
    failure = redis::decode_trial(*value);
  } else {
    failure = std::get<Failure>(response.what);
  }
  if (!failure || failure->kind != redis::NodeError::KeysNotPermitted) return failure;
  untried = true;
  return std::nullopt;
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
  report.refusal = refusal_in(answers[kTrial], report.untried);
  report.unheard = refusal_in(answers[kQueueTrial], report.untried);
  for (const FirstQuestion asked : {kClientId, kTracking}) {
    if (const auto* refused = std::get_if<Failure>(&answers[asked].what)) report.unheard = *refused;
  }
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

void compare_servers(const Inspector& inspector, Inspector& other, std::vector<NodeReport>& reports) {
  std::vector<Question> questions;
  for (NodeIndex node = 0; node < reports.size(); ++node) {
    if (!reports[node].failure) questions.push_back({.node = node, .words = redis::subscribe_words()});
  }
  const auto responses = *other.ask(questions);
  const TimePoint now = other.driver().now().boot;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const NodeIndex node = questions[i].node;
    const auto* refused = std::get_if<Failure>(&responses[i].what);
    if (refused != nullptr && redis::is_about_command(*refused)) reports[node].unheard = *refused;
    // One that has restarted meanwhile has another name, too.
    const bool answered_before = other.membership().least_uptime(node, now) > now - reports[node].asked;
    const bool same = other.membership().server_of(node) == inspector.membership().server_of(node);
    if (!same && answered_before) reports[node].several_servers = true;
  }
}

}  // namespace redlock::lock
