#include "waiting/client.hpp"

#include "describe.hpp"
#include "waiting/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::sim::waiting {

using std::chrono::milliseconds;

namespace {

// It tells a loss from an extension once it knows the holder, and then bars the others with its next try.
constexpr unsigned kMostPassedOver = 4;

}  // namespace

Client::Client(World& world, std::size_t index, Wish wish)
    : world_{world},
      index_{index},
      wish_{std::move(wish)},
      dice_{world.dice.next()},
      membership_{world.nodes.size(), Duration{}},
      entry_{.began_us = wish_.began_us, .number = index},
      subscriptions_(world.nodes.size(), Subscribed::Nothing),
      polls_without_(world.nodes.size()) {
}

std::string Client::name() const {
  return fmt::format("client {}", index_ + 1);
}

// A node may know of somebody before it, such as a dead waiter that stands in the queues of few nodes. Then it gives that one
// its slot, and newcomers may be quicker.
bool Client::is_first_everywhere() const {
  return std::ranges::all_of(world_.nodes, [this](const Node& node) {
    return std::ranges::all_of(queues(), [&](std::size_t name) {
      const auto position = node.queue_of(name).position(entry_);
      return !position || position->ahead == 0;
    });
  });
}

Names Client::queues() const {
  return world_.slots ? Names{names().front()} : names();
}

void Client::start() {
  attempt({});
}

void Client::hear(std::function<void()> event) {
  if (dead_ || done_) return;
  if (stands_still_) {
    unheard_.push_back(std::move(event));
    return;
  }
  event();
  go_on();
}

void Client::stand_still(bool still) {
  stands_still_ = still;
  if (still) return;
  world_.say(name(), "goes on");
  waits_since_ = world_.queue.now();
  world_.began_to_wait(*this);
  for (const auto& event : std::exchange(unheard_, {})) event();
  go_on();
}

void Client::on_answer(NodeIndex node, quorum::RequestId id, const quorum::Reply& reply) {
  if (waiter_) waiter_->on_answer(node);
  if (attempt_) send(attempt_->on_reply(world_.clocks(), node, id, reply));
  judge();
}

void Client::on_timeout(NodeIndex node, quorum::RequestId id) {
  if (attempt_) send(attempt_->on_reply(world_.clocks(), node, id, quorum::Failure{.detail = "timed out"}));
  judge();
}

void Client::attempt(const quorum::Waiter::Try& how) {
  waiting_ = false;
  asked_at_ = world_.queue.now();
  std::fill(polls_without_.begin(), polls_without_.end(), 0);
  world_.say(name(), how.in_turn ? "tries, in turn" : "tries");
  attempt_.emplace(quorum::AcquireRules{.ttl = kTtl,
                                        .node_timeout = kNodeTimeout,
                                        .least_validity = milliseconds{10},
                                        .waiter = entry_,
                                        .in_turn = how.in_turn,
                                        .bars = how.bars,
                                        .slots = world_.slots ? names().size() : 0},
                   membership_, ids_, dice_);
  attempt_began_ = world_.now();
  send(attempt_->start(world_.clocks()));
  judge();
}

void Client::send(const std::vector<quorum::Send>& sends) {
  for (const quorum::Send& each : sends) world_.request(*this, each);
}

void Client::judge() {
  if (dead_ || !attempt_ || waiting_ || holds_ || done_) return;
  if (!attempt_->verdict()) {
    arm(attempt_->deadline(), [this] {
      send(attempt_->on_time(world_.clocks()));
      judge();
    });
    return;
  }
  const quorum::AcquireVerdict verdict = *attempt_->verdict();
  world_.say(name(), describe(verdict));
  if (const auto* won = std::get_if<quorum::Won>(&verdict)) {
    token_ = won->token;
    slot_ = won->slot;
    return hold();
  }
  if (const auto* held = std::get_if<quorum::Held>(&verdict)) {
    round_trip_ = std::min(round_trip_, world_.now() - attempt_began_);
    const bool several = names().size() > 1;
    if (!waiter_) began_to_wait_ = world_.queue.now();
    if (!waiter_)
      waiter_.emplace(milliseconds{200}, membership_, dice_, several && !world_.slots, world_.slots);
    const auto position = waiter_->position();
    const bool is_first = position && position->ahead == 0 && is_first_everywhere();
    const bool stays_first = std::exchange(was_first_, is_first) && is_first;
    const bool is_other = !held->barred && std::exchange(holder_, held->holder) != held->holder;
    if (stays_first && is_other && !several) ++passed_over_;
    if (passed_over_ > kMostPassedOver && world_.trouble.reliable())
      world_.violated(fmt::format("{} is passed over for the {}th time", name(), passed_over_));
    waiting_ = true;
    waits_since_ = world_.queue.now();
    world_.began_to_wait(*this);
    waiter_->on_held(world_.now(), *held, attempt_->votes(), round_trip_);
    return go_on();
  }
  arm(world_.now() + dice_.between(Duration{milliseconds{100}}, Duration{milliseconds{300}}),
      [this] { attempt({}); });
}

void Client::hold() {
  holds_ = true;
  for (Node& node : world_.nodes) node.subscribed[index_] = Subscribed::Nothing;
  world_.granted(*this);
  if (dead_) return;
  const TimePoint end = world_.now() + dice_.between(Duration{}, world_.hold);
  for (TimePoint at = world_.now() + kTtl / 3; at < end; at += kTtl / 3) {
    world_.queue.plan(world_.when(at), [this] {
      for (NodeIndex node = 0; !dead_ && node < subscriptions_.size(); ++node) {
        world_.request(
            *this,
            {.node = node,
             .id = ids_.next(),
             .request =
                 quorum::ExtendRequest{
                     .token = token_, .ttl = kTtl, .fence = 0, .attempt = 1, .repair = false, .slot = slot_},
             .deadline = world_.now() + kNodeTimeout});
      }
    });
  }
  world_.queue.plan(world_.when(end), [this] { release(); });
}

void Client::release() {
  if (dead_) return;
  world_.say(name(), "releases");
  for (NodeIndex node = 0; node < subscriptions_.size(); ++node) {
    world_.request(*this, {.node = node,
                           .id = ids_.next(),
                           .request = quorum::ReleaseRequest{.token = token_, .slot = slot_},
                           .deadline = world_.now() + kNodeTimeout});
    world_.leave_queue(*this, node);
  }
  done_ = true;
  world_.released(*this);
}

void Client::leave() {
  world_.say(name(), "gives up");
  for (NodeIndex node = 0; node < subscriptions_.size(); ++node) world_.leave_queue(*this, node);
  done_ = true;
}

void Client::go_on() {
  if (!waiting_ || dead_ || stands_still_ || holds_) return;
  for (;;) {
    const auto action = waiter_->next(world_.now());
    if (const auto* attempting = std::get_if<quorum::Waiter::Try>(&action)) return attempt(*attempting);
    const auto* asking = std::get_if<quorum::Waiter::Ask>(&action);
    if (asking == nullptr) break;
    note_asked(*asking);
    world_.probe(*this, *asking);
  }
  for (NodeIndex node = 0; node < subscriptions_.size(); ++node) {
    const Subscribed wanted = waiter_->wants(node);
    if (wanted == Subscribed::Nothing || wanted == subscriptions_[node]) continue;
    subscriptions_[node] = wanted;
    world_.subscribe(*this, node, wanted);
  }
  arm(waiter_->deadline(), [this] { go_on(); });
}

void Client::note_asked(const quorum::Waiter::Ask& ask) {
  asked_at_ = world_.queue.now();
  if (ask.what == quorum::Probe::Holder) {
    for (std::size_t& polls : polls_without_) ++polls;
  }
  polls_without_[ask.node] = 0;
}

std::optional<NodeIndex> Client::never_polled() const {
  const auto found = std::find_if(polls_without_.begin(), polls_without_.end(),
                                  [this](std::size_t polls) { return polls >= polls_without_.size(); });
  if (found == polls_without_.end()) return std::nullopt;
  return static_cast<NodeIndex>(found - polls_without_.begin());
}

void Client::unsubscribed(NodeIndex node) {
  subscriptions_[node] = Subscribed::Nothing;
  if (waiter_) waiter_->on_unsubscribed(world_.now(), node, false);
}

void Client::arm(TimePoint at, std::function<void()> then) {
  const std::uint64_t number = ++armed_;
  if (at == TimePoint::max()) return;
  world_.queue.plan(std::max(world_.when(at), world_.queue.now()), [this, number, then] {
    if (number == armed_ && !dead_ && !done_ && !stands_still_) then();
  });
}

}  // namespace redlock::sim::waiting
