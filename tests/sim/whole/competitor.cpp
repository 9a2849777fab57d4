#include "whole/competitor.hpp"

#include "describe.hpp"
#include "quorum/validity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace redlock::sim {
namespace {

// For so many times node_timeout an attempt without waiting goes on trying to resolve a split, and then gives back.
constexpr int kNonblockRounds = 5;

}  // namespace

Competitor::Competitor(Setting& setting, Referee& referee, std::string name,
                       std::vector<NodeServer*> node_of_address, WholeHabits habits, std::uint64_t seed)
    : setting_{setting},
      habits_{std::move(habits)},
      program_{setting, std::move(name), std::move(node_of_address), draw_machine(setting), mix(seed)},
      witness_{setting, referee, program_},
      dice_{mix(seed + 1)} {
  interrupted_.emplace(program_);
}

template <class Call>
auto Competitor::timed(const char* what, Duration most, Call call) {
  const TimePoint began = program_.now().boot;
  auto result = call();
  const Duration took = program_.now().boot - began;
  if (took > most + std::chrono::milliseconds{1} && !may_be_stopped()) {
    setting_.violated(fmt::format("{}: {} took {}, though it may take {}", program_.name(), what,
                                  describe(took), describe(most)));
  }
  return result;
}

void Competitor::start() {
  program_.start([this](Program& program) { run(program); });
}

void Competitor::interrupt() {
  if (program_.dead() || !program_.started()) return;
  setting_.say(program_.name(), "is interrupted");
  interrupted_->set();
}

void Competitor::run(Program& program) {
  unsigned cycles = habits_.cycles;
  for (unsigned attempts = habits_.attempts; attempts > 0 && cycles > 0 && !interrupted_->readable();
       --attempts) {
    if (try_once(program)) --cycles;
    idle(dice_.between(setting_.scenario.latency, Duration{habits_.settings.ttl} / 2));
  }
}

bool Competitor::try_once(Program& program) {
  std::optional<quorum::Won> won;
  {
    LockRun lock{program, habits_.settings};
    won = acquire(lock);
    if (!won) return false;
    if (!habits_.by_hand) {
      hold(lock, *won);
      return true;
    }
    timed("an end", habits_.settings.node_timeout, [&] {
      lock.settle();
      return 0;
    });
    witness_.left(habits_.settings.node_timeout);
  }
  hold_by_hand(*won);
  return true;
}

std::optional<quorum::Won> Competitor::acquire(LockRun& lock) {
  left_behind_ = {};
  const Duration timeout = habits_.settings.node_timeout;
  const int wake_fds[] = {interrupted_->number()};
  const Duration most = habits_.nonblock ? kNonblockRounds * timeout : habits_.wait;
  const auto verdict = timed("an acquire", most + 4 * timeout, [&] {
    return lock.acquire(
        {.nonblock = habits_.nonblock, .wait = habits_.wait, .retry_delay = habits_.retry_delay}, wake_fds,
        [&](const quorum::AcquireVerdict& why) { note_waiting(why); });
  });
  waits_since_ = began_to_wait_ = listens_since_ = Instant::max();
  if (setting_.traced()) setting_.say(program_.name(), describe(verdict));
  const auto* won = std::get_if<quorum::Won>(&verdict);
  if (won == nullptr) {
    witness_.gave_back(timeout);
    return std::nullopt;
  }
  // It may have been stopped since the grant: validity is checked again just before the command starts.
  if (program_.now().boot >= won->valid_until - habits_.settings.lead) {
    give_back(lock, *won);
    return std::nullopt;
  }
  witness_.won(*won, habits_.settings.common_node_timeout);
  held_ = won->token;
  held_keys_ = habits_.settings.of(won->slot).keys;
  return *won;
}

void Competitor::note_waiting(const quorum::AcquireVerdict& why) {
  const Instant now = setting_.queue.now();
  if (setting_.traced()) setting_.say(program_.name(), "waits: " + describe(why));
  witness_.gave_up();
  waits_since_ = std::holds_alternative<quorum::Held>(why) ? now : Instant::max();
  if (began_to_wait_ == Instant::max()) began_to_wait_ = now;
  listens_since_ = waits_since_ == Instant::max() ? Instant::max() : std::min(listens_since_, now);
}

// As `redlock run` does.
void Competitor::hold(LockRun& lock, const quorum::Won& won) {
  TimePoint valid_until = won.valid_until;
  const TimePoint rests_until = program_.now().boot + habits_.at_least;
  Alarm command_ends{program_};
  command_ends.set_at(program_.now().boot + dice_.between(Duration{}, habits_.hold));
  const int wake_fds[] = {command_ends.number(), interrupted_->number()};
  const auto loss = lock.keep(won, wake_fds, [&](TimePoint until) {
    if (setting_.traced()) setting_.say(program_.name(), "has extended its lease");
    valid_until = until;
    witness_.extended(won.token, until, habits_.settings.ttl);
  });
  if (loss) {
    check_loss(*loss, valid_until);
    stop_command(valid_until);
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(rests_until - program_.now().boot);
  if (loss || left.count() <= 0) return give_back(lock, won);
  left_behind_ = won.token;
  give_back(lock, won, quorum::Rest{.length = left});
}

void Competitor::give_back(LockRun& lock, const quorum::Won& won, std::optional<quorum::Rest> rest) {
  held_ = {};
  witness_.ended(won.token);
  const Duration timeout = habits_.settings.node_timeout;
  timed("a release", timeout, [&] {
    lock.release(won, rest);
    return 0;
  });
  witness_.gave_back(timeout);
}

// As a script does that has called `redlock acquire`.
void Competitor::hold_by_hand(const quorum::Won& won) {
  const LockSettings settings = habits_.settings.of(won.slot);
  TimePoint valid_until = won.valid_until;
  const TimePoint ends = program_.now().boot + dice_.between(Duration{}, habits_.hold);
  bool lost = false;
  while (!lost && program_.now().boot < std::min(ends, valid_until - settings.lead) &&
         !interrupted_->readable()) {
    idle(std::min<Duration>(Duration{settings.ttl} / 3, ends - program_.now().boot));
    if (program_.now().boot >= valid_until - settings.lead) break;
    const auto verdict = timed("an extension by hand", 4 * settings.node_timeout,
                               [&] { return extend_by_hand(program_, settings, won.token, settings.ttl); });
    if (const auto* extended = std::get_if<quorum::LeaseExtended>(&verdict)) {
      if (program_.now().boot >= valid_until) break;  // too late to matter
      valid_until = std::max(valid_until, extended->valid_until);
      witness_.extended_by_hand(won.token, extended->valid_until, settings.ttl);
    } else if (!std::holds_alternative<quorum::NoQuorum>(verdict)) {
      lost = true;
    }
  }
  held_ = {};
  witness_.ended(won.token);
  timed("a release by hand", settings.node_timeout,
        [&] { return release_by_hand(program_, settings, won.token); });
  witness_.gave_back(settings.node_timeout, true);
}

// The command is told to end, which takes up to kill_after.
void Competitor::stop_command(TimePoint valid_until) {
  const TimePoint now = program_.now().boot;
  idle(dice_.between(Duration{}, std::max(valid_until - now, Duration{})));
}

void Competitor::check_loss(const quorum::Loss& loss, TimePoint valid_until) {
  if (setting_.traced()) setting_.say(program_.name(), fmt::format("lost its lease: {}", describe(loss)));
  const bool expired = std::holds_alternative<quorum::Expired>(loss);
  if (!expired || may_be_stopped()) return;
  if (program_.now().boot > valid_until - habits_.settings.lead + std::chrono::microseconds{1}) {
    setting_.violated(fmt::format("{} says too late that its lease is lost", program_.name()));
  }
}

void Competitor::idle(Duration length) {
  const TimePoint until = program_.now().boot + length;
  while (program_.now().boot < until && !program_.dead()) program_.sleep(until);
}

bool Competitor::may_be_stopped() const {
  return has(setting_.scenario.faults, Fault::ClientPauses) || has(setting_.scenario.faults, Fault::Suspends);
}

}  // namespace redlock::sim
