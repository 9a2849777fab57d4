#include "lock/onlooker.hpp"

#include "quorum/pending_releases.hpp"
#include "redis/look.hpp"
#include "redis/node_error.hpp"

#include <algorithm>
#include <utility>

namespace redlock::lock {

using quorum::Failure;

namespace {

quorum::Observation observation_of(Heard heard) {
  quorum::Observation observation{.sent = heard.sent, .took = heard.took, .answer = Failure{}};
  if (auto* value = std::get_if<redis::Value>(&heard.what)) {
    std::visit([&](auto&& decoded) { observation.answer = std::forward<decltype(decoded)>(decoded); },
               redis::decode_look(std::move(*value)));
  } else {
    observation.answer = std::get<Failure>(std::move(heard.what));
  }
  return observation;
}

quorum::Observation not_asked() {
  return {.sent = {},
          .took = {},
          .answer = redis::node_failure(redis::NodeError::TimedOut, "when it was last asked")};
}

}  // namespace

Onlooker::Onlooker(OnlookerOptions options)
    : surroundings_{options.surroundings},
      node_timeout_{options.node_timeout},
      nodes_{std::move(options.nodes),
             {.key = std::move(options.key), .holder = {}},
             options.surroundings,
             options.node_timeout},
      membership_{nodes_.size(), options.restart_quarantine},
      hung_(nodes_.size()) {
}

void Onlooker::hear(const redis::Event& event) {
  const auto* identity = std::get_if<quorum::Identity>(&event.what);
  if (identity != nullptr) membership_.on_identity(surroundings_.clock.now(), event.node, *identity);
}

std::optional<std::vector<Heard>> Onlooker::ask(const std::vector<Question>& questions,
                                                std::span<const int> wake_fds) {
  const TimePoint sent = surroundings_.clock.boot_now();
  const TimePoint deadline = sent + node_timeout_;
  const Failure unasked = redis::node_failure(redis::NodeError::TimedOut);
  std::vector<Heard> heard(questions.size(), {.sent = sent, .took = {}, .what = unasked});
  const quorum::RequestId first = ids_.next();  // that of question i is first + i
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const quorum::RequestId id = i == 0 ? first : ids_.next();
    nodes_.ask({.node = questions[i].node, .id = id, .words = questions[i].words, .deadline = deadline});
  }
  for (std::size_t open = questions.size(); open > 0;) {
    events_.clear();
    nodes_.wait(TimePoint::max(), wake_fds, events_);  // each question has an outcome by its deadline
    if (events_.empty() && !wake_fds.empty()) return std::nullopt;
    const TimePoint now = surroundings_.clock.boot_now();
    for (redis::Event& event : events_) {
      hear(event);
      if (event.id < first) continue;  // an identity, or an answer to what was given up
      Heard& answer = heard[event.id - first];
      answer.took = now - sent;
      if (auto* value = std::get_if<redis::Value>(&event.what)) {
        answer.what = std::move(*value);
      } else {
        answer.what = std::get<Failure>(std::move(event.what));
      }
      const auto* failure = std::get_if<Failure>(&answer.what);
      hung_[event.node] = failure != nullptr && failure->kind == redis::NodeError::TimedOut;
      --open;
    }
  }
  return heard;
}

std::optional<std::vector<quorum::Observations>> Onlooker::look(const std::vector<std::string>& keys,
                                                                std::span<const int> wake_fds,
                                                                bool skip_hung) {
  const std::vector<bool> skipped = skip_hung ? hung_ : std::vector<bool>(size());
  std::vector<Question> questions;
  questions.reserve(keys.size() * size());
  for (const std::string& key : keys) {
    const auto words = redis::look_words(redis::LockKeys{key});
    for (quorum::NodeIndex node = 0; node < size(); ++node) {
      if (!skipped[node]) questions.push_back({.node = node, .words = words});
    }
  }
  auto heard = ask(questions, wake_fds);
  if (!heard) return std::nullopt;

  std::vector<quorum::Observations> observations(keys.size());
  auto next = heard->begin();
  for (quorum::Observations& of_lock : observations) {
    for (quorum::NodeIndex node = 0; node < size(); ++node) {
      of_lock.push_back(skipped[node] ? not_asked() : observation_of(std::move(*next++)));
    }
  }
  return observations;
}

Onlooker::Breaking Onlooker::release(const quorum::Token& token, std::chrono::milliseconds note) {
  quorum::ReleaseOp releasing{
      membership_, {.token = token, .note = note, .breaks = true}, node_timeout_, ids_};
  quorum::PendingReleases owed;
  Breaking breaking{};
  for (const quorum::Send& send : releasing.start(surroundings_.clock.now())) {
    owed.add(send);
    nodes_.send(send);
  }
  while (!releasing.settled()) {  // each release has an outcome by its deadline
    events_.clear();
    nodes_.wait(owed.deadline(), {}, events_);
    for (const redis::Event& event : events_) {
      hear(event);
      if (const auto* reply = std::get_if<quorum::Reply>(&event.what)) {
        const auto* released = std::get_if<quorum::Released>(reply);
        if (released != nullptr && released->was_ours) ++breaking.removed;
        owed.on_reply(event.id);
        releasing.on_reply(surroundings_.clock.now(), event.node, event.id, *reply);
      } else if (const auto* failure = std::get_if<Failure>(&event.what)) {
        const Now now = surroundings_.clock.now();
        if (!owed.on_failure(now, event.id, *failure))
          releasing.on_failure(now, event.node, event.id, *failure);
      }
    }
    const Now now = surroundings_.clock.now();
    const auto due = owed.on_time(now);
    for (const quorum::Send& release : due.again) nodes_.send(release);
    for (const auto& expired : due.expired)
      releasing.on_failure(now, expired.node, expired.id, expired.failure);
  }
  breaking.result = releasing.result();
  return breaking;
}

}  // namespace redlock::lock
