// What a Vigil does, and when, by what it has been told (vigil.cpp).
#include "quorum/vigil.hpp"

#include <algorithm>
#include <utility>

namespace redlock::quorum {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The slot must be long enough for the one before to be seen trying, which takes it a round trip, on a machine that has
// other things to do; and so short that twenty who are dead cost less than 200 ms.
constexpr Duration kLeastSlot = milliseconds{8};
constexpr Duration kGreatestSlot = milliseconds{250};
constexpr double kSlotRoundTrips = 1.25;

// Whoever is farther behind than this has been overtaken by events long before.
constexpr std::uint64_t kMostSlots = 1000;

// In no line, we stand somewhere among so many.
constexpr double kUnknownCrowd = 8;

// What looks cost: with five nodes each sees less than one command in seven seconds.
constexpr Duration kLeastPoll = seconds{1};
constexpr double kNodesAtFullRate = 5.5;

// Who is to be called looks after so long for each who goes first, should the call fail to come.
constexpr Duration kRestForEach = milliseconds{5};

// One message may tell of two changes (a node writes its messages when it has done all that it was asked for): of so many
// who have had the lock one was not counted, at most.
constexpr std::uint64_t kMiscounted = 12;

constexpr Duration kLeastPause = milliseconds{1};

constexpr Duration kLeastNap = milliseconds{1};
constexpr Duration kGreatestNap = milliseconds{50};

TimePoint sum(TimePoint at, Duration delay) {
  return at == TimePoint::max() ? at : at + delay;
}

}  // namespace

Vigil::Action Vigil::next(TimePoint now) {
  const auto ask = [this, now](NodeIndex node, quorum::Look what) {
    nodes_[node].looked_at = now;
    if (what != quorum::Look::Remaining) {
      asked_ = node;
      for (Node& each : nodes_) each.known = each.changes;
    }
    return Look{.node = node, .what = what};
  };
  if (settled_at_ <= now) {
    settled_ = true;
    settled_at_ = TimePoint::max();
  }
  if (ready_at_ <= now) {
    gets_ready_ = true;
    ready_at_ = TimePoint::max();
  }
  if (std::exchange(enter_, false)) return Try{.in_turn = false};
  if (std::exchange(go_, false)) return Try{.in_turn = true};
  if (may_inquire()) {
    const Look wanted = *std::exchange(inquiry_, std::nullopt);
    return ask(wanted.node, wanted.what);
  }
  if (peek_at_ <= now && std::exchange(resting_, false)) {
    peek_at_ = TimePoint::max();  // the first thing to do when the nodes tell of changes again
    return Nothing{};
  }
  if (peek_at_ <= now && counts_on(now)) return Nothing{};
  if (std::min(peek_at_, doubt_at_) <= now && !asked_ && !inquiry_) {
    const bool passed_on = !holder_ || level_ > 1 || doubt_at_ <= now;  // and not extended
    peek_at_ = doubt_at_ = TimePoint::max();
    if (const auto node = pick_node())
      return ask(*node, passed_on ? quorum::Look::Outlook : quorum::Look::Holder);
    return Try{.in_turn = false};
  }
  if (armed_at_ <= now || expiry_at() <= now) return Try{.in_turn = true};
  if (fallback_at_ <= now || renew_at_ <= now) return Try{.in_turn = false};
  if (poll_at_ <= now) {
    plan_poll(now);
    if (const auto node = pick_node()) return ask(*node, quorum::Look::Remaining);
  }
  return Nothing{};
}

TimePoint Vigil::deadline() const {
  if (enter_ || go_ || may_inquire()) return TimePoint{};
  const TimePoint peek_at = asked_ || inquiry_ ? TimePoint::max() : std::min(peek_at_, doubt_at_);
  return std::min(
      {peek_at, armed_at_, expiry_at(), fallback_at_, poll_at_, renew_at_, settled_at_, ready_at_});
}

Duration Vigil::slot() const {
  return std::clamp(times(round_trip_, kSlotRoundTrips), kLeastSlot, kGreatestSlot);
}

// How long those before us need.
Duration Vigil::slots() const {
  return position_
             ? slot() * static_cast<Duration::rep>(std::min<std::uint64_t>(position_->ahead, kMostSlots))
             : times(slot(), crowd_ * kUnknownCrowd);
}

// How many go first, by what has been heard: a hint for how long to sleep.
std::uint64_t Vigil::ahead() const {
  return position_->ahead - std::min<std::uint64_t>(position_->ahead, level_ / 2);
}

// Whether others have had the lock since the last count, and still so many are to have it that a look is not worth it.
bool Vigil::counts_on(TimePoint now) {
  if (near() || level_ < counted_ + 2) return false;
  const unsigned before = std::exchange(counted_, level_);
  if (ahead() < kBehind + position_->ahead / kMiscounted) {
    counted_ = before;
    return false;
  }
  pace_.learn((now - position_at_) / (level_ / 2));
  nap_until_ = peek_at_ = now + nap();
  if (calls_ && level_ >= heard_ + 2) rest(now);
  return true;
}

void Vigil::rest(TimePoint now) {
  resting_ = true;
  nap_until_ = TimePoint{};
  peek_at_ = now + kRestForEach * static_cast<Duration::rep>(std::min(ahead(), kMostSlots));
}

Duration Vigil::nap() const {
  const Duration each = std::max(pace_.certain(), kLeastNap);
  const auto others = std::min<std::uint64_t>(std::max<std::uint64_t>(ahead(), 1) - 1, kMostSlots);
  return std::min(each * static_cast<Duration::rep>(others), kGreatestNap);
}

// Each of those before us makes two. If they go without having had the lock, a look will tell.
unsigned Vigil::patience() const {
  if (near() || calls_ || rules_.curious || ahead() <= kAwake) return 1;
  const auto others = static_cast<unsigned>(std::min(ahead(), kMostSlots) - kAwake);
  return 1 + 2 * others;
}

TimePoint Vigil::expires() const {
  std::vector<TimePoint> ends;
  for (const Node& node : nodes_) ends.push_back(node.expires);
  const auto last = ends.begin() + static_cast<std::ptrdiff_t>(votes_needed(ends.size()) - 1);
  std::nth_element(ends.begin(), last, ends.end());
  return *last;
}

// When to try because of that. What has been heard since is newer.
TimePoint Vigil::expiry_at() const {
  if (level_ > 0 || asked_ || inquiry_) return TimePoint::max();
  return sum(expires(), kLeastPause + slots());
}

bool Vigil::may_inquire() const {
  return inquiry_ && !nodes_[inquiry_->node].looked_at &&
         (!asked_ || inquiry_->what == quorum::Look::Remaining);
}

void Vigil::inquire(NodeIndex node, quorum::Look what) {
  inquiry_ = Look{.node = node, .what = what};
}

bool Vigil::listening() const {
  if (heeds_home()) return nodes_[home_].listening;
  const auto listeners =
      std::count_if(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.listening; });
  return static_cast<std::size_t>(listeners) >= votes_needed(nodes_.size());
}

// While too few nodes tell of changes, we try again and again; else we look at one of them now and then.
void Vigil::plan_fallback(TimePoint now) {
  if (listening()) {
    fallback_at_ = TimePoint::max();
    if (poll_at_ == TimePoint::max()) plan_poll(now);
    return;
  }
  poll_at_ = TimePoint::max();
  if (fallback_at_ != TimePoint::max()) return;
  fallback_at_ = now + std::max(times(rules_.retry_delay, 0.5 + entropy_.unit()), kLeastPause);
}

void Vigil::plan_poll(TimePoint now) {
  const double fewer = std::max(1.0, kNodesAtFullRate / static_cast<double>(nodes_.size()));
  poll_at_ = now + times(kLeastPoll, fewer * (1 + entropy_.unit()));
}

std::optional<NodeIndex> Vigil::pick_node() {
  for (NodeIndex step = 0; step < nodes_.size(); ++step) {
    polled_ = (polled_ + 1) % nodes_.size();
    if (nodes_[polled_].answers && !nodes_[polled_].looked_at) return polled_;
  }
  return std::nullopt;
}

}  // namespace redlock::quorum
