#include "quorum/split.hpp"

#include <algorithm>

namespace redlock::quorum {
namespace {

constexpr double kYielderSpread = 2.0;  // up to this much more
constexpr Duration kLeastRoundTrip = std::chrono::microseconds{500};

}  // namespace

double SplitPolicy::yielder_pause(Entropy& entropy) {
  return kLeastYielderPause + kYielderSpread * entropy.unit();
}

bool SplitPolicy::is_strongest(const Token& token, const VoteCount& count) {
  const std::size_t ours = count.own.votes();
  const std::size_t theirs = count.of_strongest_rival.votes();
  return ours > theirs || (ours == theirs && ours > 0 && token < count.strongest_rival);
}

bool SplitPolicy::stands_still(const VoteCount& count) {
  const bool same = !count.strongest_rival.value.empty() && last_strongest_ == count.strongest_rival;
  still_rounds_ = same ? still_rounds_ + 1 : 0;
  last_strongest_ = count.strongest_rival;
  return still_rounds_ >= kStillRounds;
}

void SplitPolicy::on_quorum_answered(Duration took) {
  round_trip_ = std::min(round_trip_.value_or(Duration::max()), std::max(took, kLeastRoundTrip));
}

Duration SplitPolicy::round_trip(Duration so_far) const {
  return round_trip_.value_or(std::max(so_far, kLeastRoundTrip));
}

}  // namespace redlock::quorum
