#include "quorum/vigil.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace redlock::quorum {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Who has been near the head of the line for so long may stay there for long.
constexpr Duration kSettling = milliseconds{100};

// Whoever has waited for so long may wait for long, and has time now; the handoff will have none.
constexpr Duration kPreparation = milliseconds{100};

// For so long after a call it is trusted more than what the changes seem to say.
constexpr Duration kCallHolds = milliseconds{100};

// Who was called, and turns out to be behind so many, was called by mistake.
constexpr std::uint64_t kNotNear = 8;

// Well within the life of a place in the line (redis/line.hpp).
constexpr Duration kRenewal = seconds{200};

// In a quick succession of holders nobody reads who they are.
constexpr Duration kCuriosity = seconds{1};

// What is heard so soon after a nap came during it.
constexpr Duration kPrompt = milliseconds{1};

// After so long, or half a round trip, what a node was about to tell has been told.
constexpr Duration kLeastDoubt = milliseconds{1};
constexpr Duration kGreatestDoubt = milliseconds{250};

TimePoint end_of(TimePoint now, milliseconds remaining) {
  return remaining < Duration{} ? TimePoint::max() : now + remaining;
}

}  // namespace

Vigil::Vigil(const VigilRules& rules, Entropy& entropy)
    : rules_{rules}, entropy_{entropy}, nodes_(rules.nodes), home_{entropy.next() % rules.nodes} {
}

void Vigil::on_held(TimePoint now, const Held& held, const NodeVotes& votes, Duration round_trip) {
  for (Node& node : nodes_) node.known = node.changes;
  asked_.reset();
  enter_ = false;
  position_ = held.position;
  called_ = called_ && position_ && position_->ahead < kNotNear;
  know(now, true);
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    const Refused* refused = votes[i].refused();
    const bool free = votes[i].granted() != nullptr;
    nodes_[i].answers = free || refused != nullptr;
    nodes_[i].changes = free ? 1 : 0;
    nodes_[i].expires = free ? now : refused != nullptr ? end_of(now, refused->remaining) : TimePoint::max();
  }
  holder_ = held.holder;
  position_at_ = now;
  round_trip_ = std::min(round_trip_, round_trip);
  inquiry_.reset();
  settle_home();
  plan_settling(now);
  if (!gets_ready_ && ready_at_ == TimePoint::max()) ready_at_ = now + kPreparation;
  fallback_at_ = TimePoint::max();
  plan_fallback(now);
  renew_at_ = now + times(kRenewal, 0.9 + 0.2 * entropy_.unit());
}

void Vigil::settle_in(TimePoint now, const QueuePosition& position) {
  if (position_ && position_->ahead > position.ahead) {
    const auto moves = static_cast<Duration::rep>(position_->ahead - position.ahead);
    pace_.learn((now - position_at_) / moves);
  }
  if (!position_ || position_->ahead != position.ahead) position_at_ = now;
  position_ = position;
  called_ = called_ && position.ahead < kNotNear;
  plan_settling(now);
  plan_fallback(now);  // we may have come near enough to listen to more
}

// A node that answers; and not the one that has not begun to tell since the last attempt.
void Vigil::settle_home() {
  const bool in_vain = fallback_at_ != TimePoint::max() && !nodes_[home_].listening;
  for (NodeIndex step = in_vain ? 1 : 0; step <= nodes_.size(); ++step) {
    const NodeIndex next = (home_ + step) % nodes_.size();
    if (!nodes_[next].answers) continue;
    home_ = next;
    return;
  }
}

bool Vigil::wants(NodeIndex node) const {
  if (!nodes_[node].answers) return false;
  if (node == home_ || settled_) return true;
  if (!near() && !gets_ready_) return false;
  std::size_t before = 0;  // from home on
  for (NodeIndex each = home_; each != node; each = (each + 1) % nodes_.size()) {
    before += nodes_[each].answers ? 1 : 0;
  }
  return before < votes_needed(nodes_.size());
}

void Vigil::plan_settling(TimePoint now) {
  if (behind()) {
    settled_ = false;
    settled_at_ = TimePoint::max();
  } else if (!settled_ && settled_at_ == TimePoint::max()) {
    settled_at_ = now + kSettling;
  }
}

void Vigil::on_listening(TimePoint now, NodeIndex node, bool calls) {
  nodes_[node].listening = true;
  if (node == home_) {
    calls_ = calls;
    call_explained_ = true;
  }
  // What changed before this is told by nobody; but whoever was just called is going to be called again, or home, which
  // has been telling since, has told of nothing.
  const bool home_tells = node != home_ && nodes_[home_].listening && nodes_[home_].changes == 0;
  const bool is_told = just_called(now) && (position_->ahead > 0 || home_tells);
  unseen_ = unseen_ || !is_told;
  if (unseen_ && listening()) peek_at_ = std::min(peek_at_, now);
  plan_fallback(now);
}

void Vigil::on_deaf(TimePoint now, NodeIndex node) {
  nodes_[node].listening = false;
  if (node == home_) calls_ = resting_ = false;
  plan_fallback(now);
}

// As exact as a look. The others have told of the release and the grant before it, or will: what they told beyond that
// is news, and what they still have to tell is not waited for.
void Vigil::on_called(TimePoint now, NodeIndex node, std::uint64_t ahead) {
  if (node != home_ || !position_ || ahead >= position_->ahead) return;
  call_explained_ = hushes();
  called_ = true;
  called_at_ = now;
  settle_in(now, {.ahead = ahead, .waiting = position_->waiting - (position_->ahead - ahead)});
  asked_.reset();
  inquiry_.reset();
  holder_.reset();
  if (rules_.curious) renew_at_ = std::min(renew_at_, now + kCuriosity);
  for (Node& each : nodes_) each.known = std::min(each.changes, 2U);
  nodes_[home_].known = nodes_[home_].changes;
  know(now, true, 1);
  if (ahead > 0 && listening()) {
    nap_until_ = now + pace_.certain() * static_cast<Duration::rep>(ahead);
  }
}

bool Vigil::just_called(TimePoint now) const {
  return called_ && position_ && now < called_at_ + kCallHolds;
}

void Vigil::on_change(TimePoint now, NodeIndex node) {
  if (hushes()) return;  // told before the node heard of that
  if (node == home_ && !std::exchange(call_explained_, true)) return;
  ++nodes_[node].changes;
  // A while after the last look nothing was due; soon after it, what is heard has been waiting for the end of the nap.
  // Changes that are told together shorten the nap that the first of them has begun.
  if (!near() && now > nap_until_ + kPrompt) heard_at_ = now;
  const bool together = !near() && now <= heard_at_ + kPrompt;
  if (together) nap_until_ = heard_at_ + (calls_ ? std::min(nap(), slot()) : nap());
  recount(now);
  if (together) heard_ = level_;
}

// ---- What looks have found ---------------------------------------------------------------------------

void Vigil::on_holder(TimePoint now, NodeIndex node, const std::optional<Token>& holder) {
  note_round_trip(now, node);
  if (!take_answer(node)) return;
  if (holder && holder == holder_) {
    know(now, true);  // it was only extended
    inquire(node, quorum::Look::Remaining);
    plan_poll(now);
  } else {
    inquire(node, quorum::Look::Outlook);
  }
}

void Vigil::on_remaining(TimePoint now, NodeIndex node, std::optional<milliseconds> remaining) {
  Node& seen = nodes_[node];
  note_round_trip(now, node);
  if (!remaining) {
    seen.expires = now;
    inquire(node, quorum::Look::Outlook);
    return;
  }
  const TimePoint before = std::exchange(seen.expires, end_of(now, *remaining));
  if (before >= seen.expires) return;
  for (Node& each : nodes_)
    each.expires = std::max(each.expires, seen.expires);  // extended: so are the others
}

void Vigil::on_outlook(TimePoint now, NodeIndex node, const Outlook& outlook) {
  note_round_trip(now, node);
  if (!take_answer(node)) return;
  std::uint64_t moves = 0;
  if (outlook.position) {
    if (position_) moves = position_->ahead - std::min(position_->ahead, outlook.position->ahead);
    settle_in(now, *outlook.position);
  } else if (position_) {
    enter_ = true;  // we were passed over, or the node has lost the line
  }
  if (outlook.holder) {
    know(now, true, moves);
    if (rules_.curious && outlook.holder != holder_) renew_at_ = std::min(renew_at_, now + kCuriosity);
    holder_ = outlook.holder;
    for (Node& each : nodes_) each.expires = end_of(now, outlook.remaining);
    return;
  }
  const TimePoint since = free_since_.value_or(now);
  know(now, false);
  if (level_ > 1) return;
  free_since_ = since;
  armed_at_ = since + slots();
}

void Vigil::on_look_failed(NodeIndex node) {
  nodes_[node].looked_at.reset();
  if (take_answer(node)) go_ = go_ || free_since_.has_value();
}

void Vigil::note_round_trip(TimePoint now, NodeIndex node) {
  round_trip_ = std::min(round_trip_, now - nodes_[node].looked_at.value_or(TimePoint{}));
  nodes_[node].looked_at.reset();
}

// Whether the node has answered what we still want to know.
bool Vigil::take_answer(NodeIndex node) {
  if (asked_ != node) return false;
  asked_.reset();
  return true;
}

// The state of the lock is known as it was when one node was asked for it. What has been heard since may be older, or
// news; and what had been heard before from the others may be news to the node that was asked, unless it is what the
// `moves` of the line account for, each with the end of one holder and the grant of the next: see once more.
void Vigil::know(TimePoint now, bool held, std::uint64_t moves) {
  const bool doubtful = std::any_of(nodes_.begin(), nodes_.end(), [moves](const Node& node) {
    return node.known > 0 && node.known != 2 * moves;
  });
  for (Node& node : nodes_) node.changes = std::max(node.changes - node.known, held ? 0U : 1U);
  level_ = held ? 0 : 1;
  counted_ = 0;
  free_since_.reset();
  unseen_ = false;
  go_ = false;
  armed_at_ = TimePoint::max();
  peek_at_ = TimePoint::max();
  doubt_at_ = TimePoint::max();
  if (doubtful && held) doubt(now);
  resting_ = false;
  nap_until_ = !near() && listening() ? now + nap() : TimePoint{};
  crowd_ = entropy_.unit();
  for (Node& node : nodes_) node.known = 0;
  recount(now);
}

// ---- What is heard -----------------------------------------------------------------------------------

// The greatest count that a quorum has reached, or the one node that we listen to.
unsigned Vigil::level() const {
  if (heeds_home()) return nodes_[home_].changes;
  std::vector<unsigned> counts;
  for (const Node& node : nodes_) counts.push_back(node.changes);
  const auto last = counts.begin() + static_cast<std::ptrdiff_t>(votes_needed(counts.size()) - 1);
  std::nth_element(counts.begin(), last, counts.end(), std::greater<>{});
  return *last;
}

void Vigil::recount(TimePoint now) {
  for (const unsigned reached = level(); level_ < reached;) {
    ++level_;
    take_change(now);
  }
  const bool agreed =
      std::none_of(nodes_.begin(), nodes_.end(), [this](const Node& node) { return node.changes > level_; });
  if (!agreed) {
    doubt(now);
  } else if (level_ > 0) {
    doubt_at_ = TimePoint::max();
  }
}

// A node may have told of two changes in one message, or of one before it was listened to: what is heard next will not
// raise the count, and so it is not waited for.
void Vigil::doubt(TimePoint now) {
  if (behind() || (just_called(now) && position_->ahead > 0)) return;
  const auto more =
      std::count_if(nodes_.begin(), nodes_.end(), [this](const Node& node) { return node.changes > level_; });
  const bool late = just_called(now) && more < 2;  // with the change that the call came for
  doubt_at_ =
      std::min(doubt_at_, now + (late ? slot() : std::clamp(round_trip_ / 2, kLeastDoubt, kGreatestDoubt)));
}

void Vigil::take_change(TimePoint now) {
  const bool released = level_ % 2 == 1;
  free_since_ = released ? std::optional{now} : std::nullopt;
  if (position_ && position_->ahead == 0) {
    go_ = true;
  } else if (position_ && (behind() || !released)) {
    armed_at_ = TimePoint::max();
    peek_at_ = std::min(peek_at_, std::max(nap_until_, calls_ ? now + slot() : now));
  } else {
    armed_at_ = released ? now + slots() : TimePoint::max();
  }
}

}  // namespace redlock::quorum
