#include "process.hpp"

#include "describe.hpp"
#include "server.hpp"

#include <utility>

namespace redlock::sim {

namespace {

constexpr std::uint64_t kWallUs = 1'790'000'000'000'000;

Machine draw_machine(Setting& setting) {
  // Machines have been up for different times; their wall clocks agree but for some milliseconds.
  const Duration up = setting.dice.between(Duration{}, std::chrono::hours{1});
  const auto up_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(up).count());
  Machine machine{SkewedClock{up, draw_rate(setting)}, kWallUs - up_us + setting.dice.below(2000)};
  if (setting.scenario.defect == Defect::MonotonicClock) machine.misread_monotonic();
  return machine;
}

}  // namespace

Process::Process(Setting& setting, std::string name, const std::vector<Server*>& server_of_address)
    : setting_{setting}, name_{std::move(name)}, machine_{draw_machine(setting)} {
  for (std::size_t address = 0; address < server_of_address.size(); ++address) {
    links_.emplace_back(setting, *this, *server_of_address[address], address);
  }
}

void Process::start() {
  if (dead_) return;
  if (paused()) {
    setting_.queue.plan(paused_until_, [this] { start(); });
    return;
  }
  started_ = true;
  on_start();
  hand_out();
  arm();
}

void Process::send(quorum::NodeIndex address, quorum::RequestId id, Command command, TimePoint deadline) {
  // A repeated request is for the same names, whatever has become of those since.
  links_[address].send(id, names_of_.try_emplace(id, names_).first->second, std::move(command), deadline);
}

void Process::arrive(const Arrival& arrival) {
  if (dead_) return;
  unread_.push_back(arrival);
  if (!paused()) run();
}

// What a woken process looks at first is not for the algorithm to rely on.
void Process::run() {
  if (!started_ || dead_ || paused()) return;
  const bool several = !unread_.empty() && now().boot >= deadline();
  if (several && setting_.dice.chance(0.5)) {
    keep_time();
    read_links();
  } else {
    read_links();
    keep_time();
  }
  if (setting_.strikes(Fault::ClientPauses)) {
    pause(setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} * 3 / 2), false);
  }
  if (setting_.strikes(Fault::Suspends)) {
    pause(setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} * 3 / 2), true);
  }
  if (has(setting_.scenario.faults, Fault::Deaths) && setting_.dice.chance(setting_.scenario.trouble / 10))
    die();
  arm();
}

void Process::read_links() {
  for (const Arrival& arrival : std::exchange(unread_, {})) {
    links_[arrival.address].read(arrival, outcomes_);
    hand_out();
  }
}

void Process::keep_time() {
  for (Link& link : links_) link.expire(now().boot, outcomes_);
  hand_out();
  if (now().boot >= deadline()) {
    on_time();
    hand_out();
  }
}

void Process::hand_out() {
  while (!outcomes_.empty()) {
    for (const Outcome& outcome : std::exchange(outcomes_, {})) {
      if (const auto* identity = std::get_if<quorum::Identity>(&outcome.what)) {
        on_identity(outcome.address, *identity);
      } else if (const auto* reply = std::get_if<quorum::Reply>(&outcome.what)) {
        on_reply(outcome.address, outcome.id, *reply);
      } else {
        on_failure(outcome.address, outcome.id, std::get<quorum::Failure>(outcome.what));
      }
    }
  }
}

void Process::arm() {
  if (dead_ || paused()) return;
  TimePoint next = deadline();
  for (const Link& link : links_) next = std::min(next, link.earliest_deadline());
  if (next == TimePoint::max()) return;
  const Instant at = std::max(machine_.when(next), setting_.queue.now());
  if (at >= armed_) return;
  armed_ = at;
  setting_.queue.plan(at, [this, at] {
    if (armed_ == at) armed_ = Instant::max();
    run();
  });
}

void Process::pause(Duration length, bool suspended) {
  const Instant now = setting_.queue.now();
  const Instant until = now + length;
  if (dead_ || until <= paused_until_) return;
  if (setting_.traced()) {
    setting_.say(
        name_, fmt::format("{} for {}", suspended ? "its machine sleeps" : "stands still", describe(length)));
  }
  if (suspended) machine_.was_suspended(length);
  paused_until_ = until;
  setting_.queue.plan(until, [this] { run(); });
}

void Process::die() {
  if (std::exchange(dead_, true)) return;
  setting_.say(name_, "stops for ever");
}

void Process::jump_wall_clock(std::uint64_t to_us) {
  if (setting_.traced()) setting_.say(name_, fmt::format("its wall clock jumps to {}", to_us));
  machine_.jump_wall_clock(to_us);
}

}  // namespace redlock::sim
