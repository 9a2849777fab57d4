#include "lock/inspector.hpp"

#include "redis/look.hpp"
#include "redis/node_error.hpp"

#include <utility>

namespace redlock::lock {

using quorum::Failure;

namespace {

Observation observation_of(Response response) {
  Observation observation{.sent = response.sent, .took = response.took, .answer = Failure{}};
  if (auto* value = std::get_if<redis::Value>(&response.what)) {
    std::visit([&](auto&& decoded) { observation.answer = std::forward<decltype(decoded)>(decoded); },
               redis::decode_look(std::move(*value)));
  } else {
    observation.answer = std::get<Failure>(std::move(response.what));
  }
  return observation;
}

Observation not_asked() {
  return {.sent = {},
          .took = {},
          .answer = redis::node_failure(redis::NodeError::TimedOut, "when it was last asked")};
}

}  // namespace

Inspector::Inspector(DriverOptions options) : driver_{std::move(options)}, hung_(driver_.size()) {
  driver_.set_listener([this](redis::Event& event) { return take(event); });
}

std::optional<std::vector<Response>> Inspector::ask(const std::vector<Question>& questions,
                                                    std::span<const int> wake_fds) {
  const TimePoint sent = driver_.now().boot;
  const Failure unanswered = redis::node_failure(redis::NodeError::TimedOut);
  responses_.assign(questions.size(), {.sent = sent, .took = {}, .what = unanswered});
  first_ = driver_.ids().next();
  open_ = questions.size();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    driver_.nodes().ask({.node = questions[i].node,
                         .id = i == 0 ? first_ : driver_.ids().next(),
                         .words = questions[i].words,
                         .deadline = sent + driver_.node_timeout()});
  }
  while (open_ > 0) {  // each question has an outcome by its deadline
    const auto woken = driver_.turn(TimePoint::max(), wake_fds);
    if (woken && open_ > 0) return std::nullopt;
  }
  return std::move(responses_);
}

// Outcomes of questions that were given up are for nobody.
bool Inspector::take(redis::Event& event) {
  const bool ours = event.id >= first_ && event.id - first_ < responses_.size();
  if (!ours) return std::holds_alternative<redis::Value>(event.what);
  Response& response = responses_[event.id - first_];
  response.took = driver_.now().boot - response.sent;
  if (auto* value = std::get_if<redis::Value>(&event.what)) {
    response.what = std::move(*value);
  } else {
    response.what = std::get<Failure>(std::move(event.what));
  }
  const auto* failure = std::get_if<Failure>(&response.what);
  hung_[event.node] = failure != nullptr && failure->kind == redis::NodeError::TimedOut;
  --open_;
  return true;
}

std::optional<std::vector<Observations>> Inspector::probe(const std::vector<std::string>& keys,
                                                          std::span<const int> wake_fds, bool skip_hung) {
  return probe_locks({keys.begin(), keys.end()}, wake_fds, skip_hung);
}

std::optional<std::vector<Observations>> Inspector::probe_locks(const std::vector<redis::LockKeys>& locks,
                                                                std::span<const int> wake_fds,
                                                                bool skip_hung) {
  const std::vector<bool> skipped = skip_hung ? hung_ : std::vector<bool>(size());
  std::vector<Question> questions;
  questions.reserve(locks.size() * size());
  for (const redis::LockKeys& keys : locks) {
    const auto words = redis::look_words(keys);
    for (quorum::NodeIndex node = 0; node < size(); ++node) {
      if (!skipped[node]) questions.push_back({.node = node, .words = words});
    }
  }
  auto responses = ask(questions, wake_fds);
  if (!responses) return std::nullopt;

  std::vector<Observations> observations(locks.size());
  auto next = responses->begin();
  for (Observations& of_lock : observations) {
    for (quorum::NodeIndex node = 0; node < size(); ++node) {
      of_lock.push_back(skipped[node] ? not_asked() : observation_of(std::move(*next++)));
    }
  }
  return observations;
}

}  // namespace redlock::lock
