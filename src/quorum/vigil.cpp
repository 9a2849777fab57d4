#include "quorum/vigil.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace redlock::quorum {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The slot must be long enough for the one before to be seen trying, which takes it a flight, on a machine that has
// other things to do; and so short that twenty who are dead cost less than 200 ms.
constexpr Duration kLeastSlot = milliseconds{8};
constexpr Duration kGreatestSlot = milliseconds{250};
constexpr double kSlotFlights = 1.25;

// Whoever is farther behind than this has been overtaken by events long before.
constexpr std::uint64_t kMostSlots = 1000;

// In no line, we stand somewhere among so many.
constexpr double kUnknownCrowd = 8;

// Up to this place a try is worth its commands, without a look before: few stand there.
constexpr std::uint64_t kTriesAtOnce = 1;

// So many moves up the line may have been miscounted (somebody gave up waiting, or came in from outside it) before the
// place is asked for, at the head of the line.
constexpr unsigned kMostGuesses = 1;

// What looks cost: with five nodes each sees less than one command in seven seconds.
constexpr Duration kLeastPoll = seconds{1};
constexpr double kNodesAtFullRate = 5.5;

// Who is behind so many others: each of them has the lock for longer than this.
constexpr Duration kLeastTenure = milliseconds{1};
constexpr Duration kGreatestNap = milliseconds{100};

// Well within the life of a place in the line (redis/scripts.hpp).
constexpr Duration kRenewal = seconds{200};

// In a quick succession of holders nobody reads who they are.
constexpr Duration kCuriosity = seconds{1};

constexpr Duration kLeastPause = milliseconds{1};

TimePoint sum(TimePoint at, Duration delay) {
  return at == TimePoint::max() ? at : at + delay;
}

Duration times(Duration duration, double factor) {
  return std::chrono::duration_cast<Duration>(duration * factor);
}

}  // namespace

Vigil::Vigil(const VigilRules& rules, Entropy& entropy)
    : rules_{rules}, entropy_{entropy}, nodes_(rules.nodes), slot_{kLeastSlot} {
}

void Vigil::on_held(TimePoint now, const Held& held, const Ballots& ballots, Duration flight) {
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Refused* refused = ballots[i].refused();
    const bool free = ballots[i].granted() != nullptr;
    nodes_[i].changes = free ? 1 : 0;
    nodes_[i].expires = free                                                    ? now
                        : refused == nullptr || refused->remaining < Duration{} ? TimePoint::max()
                                                                                : now + refused->remaining;
  }
  place_ = held.place;
  guessed_ = 0;
  slot_ = std::clamp(times(flight, kSlotFlights), kLeastSlot, kGreatestSlot);
  ask_place_ = false;
  nap_until_ = {};
  start_over(now);
  plan_fallback(now);
  renew_at_ = now + times(kRenewal, 0.9 + 0.2 * entropy_.unit());
}

void Vigil::on_listening(TimePoint now, NodeIndex node) {
  nodes_[node].listening = true;
  nodes_[node].look = true;  // what changed before this is told by nobody
  plan_fallback(now);
}

void Vigil::on_deaf(TimePoint now, NodeIndex node) {
  nodes_[node].listening = false;
  plan_fallback(now);
}

void Vigil::on_change(TimePoint now, NodeIndex node) {
  ++nodes_[node].changes;
  recount(now);
  if (place_ && place_->ahead > 1 && now >= nap_until_) {
    nap_until_ = now + std::min(kLeastTenure * static_cast<Duration::rep>(place_->ahead - 1), kGreatestNap);
  }
}

void Vigil::on_look(TimePoint now, NodeIndex node, std::optional<milliseconds> remaining) {
  const bool decides = deciding_look_ == node;
  if (decides) deciding_look_.reset();
  Node& seen = nodes_[node];
  seen.looked_at = false;
  if (!remaining) {
    seen.expires = now;
    if (seen.changes % 2 == 0) ++seen.changes;
    recount(now);
    go_ = go_ || decides;
    return;
  }
  const TimePoint before = seen.expires;
  seen.expires = *remaining < Duration{} ? TimePoint::max() : now + *remaining;
  if (before < seen.expires) {  // extended, as on the others
    for (Node& each : nodes_) {
      if (each.changes % 2 == 0) each.expires = std::max(each.expires, seen.expires);
    }
  }
  if (decides) {
    for (Node& each : nodes_) each.changes = 0;
    start_over(now);
  }
}

void Vigil::on_look_failed(NodeIndex node) {
  nodes_[node].looked_at = false;
  if (deciding_look_ != node) return;
  deciding_look_.reset();
  go_ = true;
}

Vigil::Action Vigil::next(TimePoint now) {
  if (std::exchange(go_, false)) return Try{.in_turn = true};
  if (std::exchange(ask_place_, false)) return Try{.in_turn = false};
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].look || nodes_[i].looked_at) continue;
    nodes_[i].look = false;
    nodes_[i].looked_at = true;
    return Look{i};
  }
  if (armed_at_ <= now) {
    armed_at_ = TimePoint::max();
    const auto node =
        place_ && place_->ahead > kTriesAtOnce && !deciding_look_ ? next_listener() : std::nullopt;
    if (!node) return Try{.in_turn = true};
    deciding_look_ = node;
    plan_poll(now);
    return Look{*node};
  }
  if (expiry_at() <= now) return Try{.in_turn = true};
  if (fallback_at_ <= now || renew_at_ <= now) return Try{.in_turn = false};
  if (poll_at_ <= now) {
    plan_poll(now);
    if (const auto node = next_listener()) return Look{*node};
  }
  return Nothing{};
}

TimePoint Vigil::deadline() const {
  const bool look = std::any_of(nodes_.begin(), nodes_.end(),
                                [](const Node& node) { return node.look && !node.looked_at; });
  if (go_ || ask_place_ || look) return TimePoint{};
  return std::min({armed_at_, expiry_at(), fallback_at_, poll_at_, renew_at_});
}

std::size_t Vigil::listeners() const {
  return static_cast<std::size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.listening; }));
}

// The greatest count that a quorum has reached.
unsigned Vigil::level() const {
  std::vector<unsigned> counts;
  for (const Node& node : nodes_) counts.push_back(node.changes);
  const auto last = counts.begin() + static_cast<std::ptrdiff_t>(quorum_of(counts.size()) - 1);
  std::nth_element(counts.begin(), last, counts.end(), std::greater<>{});
  return *last;
}

// How long those before us need.
Duration Vigil::slots() const {
  return place_ ? slot_ * static_cast<Duration::rep>(std::min<std::uint64_t>(place_->ahead, kMostSlots))
                : times(slot_, crowd_ * kUnknownCrowd);
}

TimePoint Vigil::expires() const {
  std::vector<TimePoint> ends;
  for (const Node& node : nodes_) ends.push_back(node.expires);
  const auto last = ends.begin() + static_cast<std::ptrdiff_t>(quorum_of(ends.size()) - 1);
  std::nth_element(ends.begin(), last, ends.end());
  return *last;
}

// When to try because of that.
TimePoint Vigil::expiry_at() const {
  if (deciding_look_ || armed_at_ != TimePoint::max()) return TimePoint::max();
  return sum(expires(), kLeastPause + slots());
}

void Vigil::start_over(TimePoint now) {
  level_ = 0;
  armed_at_ = TimePoint::max();
  deciding_look_.reset();
  go_ = false;
  crowd_ = entropy_.unit();
  recount(now);
}

void Vigil::recount(TimePoint now) {
  const unsigned reached = level();
  while (level_ < reached) {
    ++level_;
    if (level_ % 2 == 1) {
      armed_at_ = now + slots();
    } else {
      on_granted_to_another(now);
    }
  }
}

void Vigil::on_granted_to_another(TimePoint now) {
  armed_at_ = TimePoint::max();
  deciding_look_.reset();
  go_ = false;
  for (Node& node : nodes_) node.expires = TimePoint::max();  // nobody has told yet
  if (rules_.curious) renew_at_ = std::min(renew_at_, now + kCuriosity);
  if (!place_) return;
  if (place_->ahead > 0) {
    --place_->ahead;
    --place_->waiting;
    ++guessed_;
    ask_place_ = place_->ahead <= kTriesAtOnce && guessed_ > kMostGuesses;
  } else {
    ask_place_ = true;  // it should have been us
  }
}

// While too few nodes tell of changes, we try again and again; else we look at one of them now and then.
void Vigil::plan_fallback(TimePoint now) {
  if (listeners() >= quorum_of(nodes_.size())) {
    fallback_at_ = TimePoint::max();
    if (poll_at_ == TimePoint::max()) plan_poll(now);
    return;
  }
  poll_at_ = TimePoint::max();
  const TimePoint at = now + std::max(times(rules_.retry_delay, 0.5 + entropy_.unit()), kLeastPause);
  fallback_at_ = fallback_at_ > now ? std::min(fallback_at_, at) : at;
}

void Vigil::plan_poll(TimePoint now) {
  const double fewer = std::max(1.0, kNodesAtFullRate / static_cast<double>(nodes_.size()));
  poll_at_ = now + times(kLeastPoll, fewer * (1 + entropy_.unit()));
}

// Marks it as being looked at.
std::optional<NodeIndex> Vigil::next_listener() {
  for (NodeIndex step = 0; step < nodes_.size(); ++step) {
    polled_ = (polled_ + 1) % nodes_.size();
    Node& node = nodes_[polled_];
    if (!node.listening || node.looked_at) continue;
    node.looked_at = true;
    return polled_;
  }
  return std::nullopt;
}

}  // namespace redlock::quorum
