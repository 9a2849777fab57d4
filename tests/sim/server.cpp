#include "server.hpp"

#include "describe.hpp"
#include "link.hpp"
#include "referee.hpp"

#include <utility>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

// Half of what clock_drift() allows for two clocks together, and a little less.
constexpr double kDrift = 0.0045;
constexpr double kWildDrift = 0.5;

// 2026, so that proposals look like those of real clocks.
constexpr Duration kWallOrigin = std::chrono::seconds{1'790'000'000};

}  // namespace

double draw_rate(Setting& setting) {
  if (has(setting.scenario.faults, Fault::WildDrift)) {
    return setting.dice.between(1 - kWildDrift, 1 + 2 * kWildDrift);
  }
  if (!has(setting.scenario.faults, Fault::Drift)) return 1;
  // The extremes are where it hurts.
  if (setting.dice.chance(0.5)) return setting.dice.chance(0.5) ? 1 - kDrift : 1 + kDrift;
  return setting.dice.between(1 - kDrift, 1 + kDrift);
}

Server::Server(Setting& setting, Referee& referee, std::size_t index)
    : setting_{setting},
      referee_{referee},
      index_{index},
      name_{fmt::format("node {}", index + 1)},
      clock_{kWallOrigin + setting.dice.between(Duration{}, std::chrono::seconds{5}), draw_rate(setting)},
      keys_{setting.scenario.names} {
  // Long ago, but for the quarantine of the first seconds.
  started_ms_ = now_ms() - milliseconds{std::chrono::hours{24}}.count();
}

Duration Server::until_full_second() const {
  const auto local = clock_.at(setting_.queue.now()).time_since_epoch() + jumped_;
  return std::chrono::ceil<std::chrono::seconds>(local) - local;
}

std::int64_t Server::now_ms() const {
  const auto local = clock_.at(setting_.queue.now()).time_since_epoch() + jumped_;
  return std::chrono::floor<milliseconds>(local).count();
}

Instant Server::gone_at(std::int64_t last_ms) const {
  return clock_.when(TimePoint{milliseconds{last_ms + 1} - jumped_});
}

// INFO says the difference of two wall clock readings that are each cut to whole seconds.
quorum::Identity Server::identity() const {
  const std::int64_t uptime = now_ms() / 1000 - started_ms_ / 1000;
  return {.known = true,
          .run_id = fmt::format("server {} start {}", index_, starts_),
          .uptime = std::chrono::seconds{uptime},
          .role = quorum::Role::Master,
          .cluster = false};
}

void Server::receive(Link& link, std::size_t message) {
  if (!up_) return;
  if (setting_.strikes(Fault::NodePauses)) {
    pause(setting_.dice.between(setting_.scenario.latency, Duration{setting_.scenario.ttl} * 3 / 2));
  }
  if (setting_.queue.now() < paused_until_) {
    waiting_.emplace_back(&link, message);
    return;
  }
  execute(link, message);
}

void Server::execute(Link& link, std::size_t message) {
  const Command& command = link.command(message);
  if (setting_.strikes(Fault::NodeErrors)) {
    if (setting_.traced())
      setting_.say(name_, fmt::format("{}: {} -> an error", link.name(), describe(command)));
    const bool passes = setting_.dice.chance(0.5);
    link.answer(message, quorum::Failure{.passes = passes, .detail = passes ? "not ready" : kErrorForGood});
    return;
  }
  const std::int64_t now = now_ms();
  note_expiries();
  const Names& wanted = link.names(message);
  const quorum::Slot slot = slot_of(command);
  const Names names = slot > 0 ? Names{wanted[slot - 1]} : wanted;
  std::vector<Before> before;
  for (const std::size_t name : names) {
    const quorum::Token* present = keys_.of(name).holder(now);
    before.push_back(
        {.holder = present != nullptr ? *present : quorum::Token{}, .counter = keys_.of(name).counter(now)});
  }
  const quorum::Reply reply = keys_.execute(command, wanted, now, setting_.scenario.defect);
  if (setting_.traced()) {
    setting_.say(name_, fmt::format("{}: {} of {} -> {}", link.name(), describe(command), describe(names),
                                    describe(reply)));
  }
  referee_.executed(*this, command, names, reply, before);
  link.answer(message, reply);
}

void Server::pause(Duration length) {
  if (!up_) return;
  const Instant until = setting_.queue.now() + length;
  if (until <= paused_until_) return;
  if (setting_.traced()) setting_.say(name_, fmt::format("hangs for {}", describe(length)));
  paused_until_ = until;
  setting_.queue.plan(until, [this] { resume(); });
}

void Server::resume() {
  if (!up_ || setting_.queue.now() < paused_until_) return;
  for (const auto& [link, message] : std::exchange(waiting_, {})) execute(*link, message);
}

void Server::crash(Duration down, bool forgets, bool silent) {
  if (!up_) return;
  if (setting_.traced()) {
    setting_.say(name_, fmt::format("crashes{} for {}{}", silent ? " without a word" : "", describe(down),
                                    forgets ? " and forgets everything" : ""));
  }
  up_ = false;
  silent_ = silent;
  waiting_.clear();
  paused_until_ = {};
  if (forgets) {
    note_expiries();
    referee_.forgot(*this);
    keys_.forget_everything();
    ++losses_;
  }
  const Instant back = setting_.queue.now() + down;
  for (Link* link : links_) link->server_gone(*this, silent ? back : setting_.queue.now());
  setting_.queue.plan(back, [this] {
    up_ = true;
    silent_ = false;
    ++starts_;
    started_ms_ = now_ms();
    started_at_ = setting_.queue.now();
    setting_.say(name_, "is up again");
  });
}

void Server::delete_key(std::size_t name) {
  if (keys_.of(name).holder(now_ms()) == nullptr) return;
  setting_.say(name_, "somebody deletes the key by hand");
  referee_.deleted(*this, name);
  keys_.of(name).delete_key();
}

void Server::note_expiries() {
  for (std::size_t name = 0; name < setting_.scenario.names; ++name) {
    if (keys_.of(name).holder(now_ms()) == nullptr && keys_.of(name).last_holder() != nullptr)
      referee_.expired(*this, name);
  }
}

void Server::jump_clock(milliseconds by) {
  if (setting_.traced()) setting_.say(name_, fmt::format("its clock jumps by {} ms", by.count()));
  jumped_ += by;
}

}  // namespace redlock::sim
