#include "quorum/vigil.hpp"
#include "quorum_fixture.hpp"

#include <algorithm>

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {

constexpr std::size_t kNodes = 5;
constexpr Duration kRoundTrip = 1ms;
constexpr Duration kSlot = 8ms;  // the least
constexpr Duration kRetryDelay = 200ms;
constexpr Duration kSettling = 100ms;
constexpr Duration kPreparation = 100ms;
constexpr NodeIndex kHome = 1;  // Counting's first number

// One that waits, for whom the test plays the nodes. Counting's numbers are so small that there is no jitter: each time
// is the shortest that it can be.
class Waiting {
 public:
  explicit Waiting(bool curious = false)
      : vigil{{.nodes = kNodes, .retry_delay = kRetryDelay, .curious = curious}, entropy} {}

  Counting entropy;
  TimePoint now{1h};
  Vigil vigil;

  // Told by all nodes, for each of which the key has `remaining` to live.
  void held(std::optional<QueuePosition> position, std::chrono::milliseconds remaining = 30s,
            Duration round_trip = kRoundTrip) {
    NodeVotes votes(kNodes);
    for (NodeVote& vote : votes) vote.answer = refused("them", remaining);
    held(position, votes, round_trip);
  }
  void held(std::optional<QueuePosition> position, const NodeVotes& votes, Duration round_trip = kRoundTrip) {
    vigil.on_held(now, {.holder = {"them"}, .info = {}, .votes = 3, .free_in = {}, .position = position},
                  votes, round_trip);
  }
  void listening(std::size_t nodes = kNodes) {
    for (NodeIndex node = 0; node < nodes; ++node) vigil.on_listening(now, node);
  }
  // Has waited there, on nodes of which its own calls it.
  void far_back(std::uint64_t ahead) {
    held(QueuePosition{.ahead = ahead, .waiting = ahead + 1});
    vigil.on_listening(now, kHome, true);
    vigil.on_look_failed(look().node);
    now += 10s;
    vigil.on_look_failed(look().node);  // the poll
    REQUIRE(idle());
  }
  // Is called, and then told of changes: by home, or if it is the first, by a quorum.
  void called_near(std::uint64_t ahead) {
    const bool told_before = is_told_by(kHome);
    vigil.on_called(now, kHome, ahead);
    for (const NodeIndex node : {1, 2, 3}) {
      if (is_told_by(node) && !(node == kHome && told_before)) vigil.on_listening(now, node, node == kHome);
    }
  }
  // And need not be.
  bool keeps_ready(NodeIndex node) const { return vigil.wants(node) && vigil.hushes(node); }
  bool is_told_by(NodeIndex node) const { return vigil.wants(node) && !vigil.hushes(node); }
  // A release and a grant, as it hears of them.
  void handed_on(std::initializer_list<NodeIndex> nodes) {
    changed(nodes);
    changed(nodes);
  }
  // Has waited in this place for a while, and has just been told again how things are.
  void settled(std::optional<QueuePosition> position, std::chrono::milliseconds remaining = 30s,
               Duration round_trip = kRoundTrip) {
    held(position, remaining, round_trip);
    listening();
    settle();
    held(position, remaining, round_trip);
    REQUIRE(idle());
  }
  void settle() {
    now += kSettling;
    const Vigil::Action action = vigil.next(now);
    if (const auto* look = std::get_if<Vigil::Look>(&action)) vigil.on_look_failed(look->node);
  }
  void changed(std::initializer_list<NodeIndex> nodes) {
    for (const NodeIndex node : nodes) vigil.on_change(now, node);
  }
  void changed_everywhere() { changed({0, 1, 2, 3, 4}); }

  bool idle() { return std::holds_alternative<Vigil::Nothing>(vigil.next(now)); }
  Vigil::Look look() {
    const Vigil::Action action = vigil.next(now);
    REQUIRE(std::holds_alternative<Vigil::Look>(action));
    return std::get<Vigil::Look>(action);
  }
  bool tries_in_turn() {
    const Vigil::Action action = vigil.next(now);
    return std::holds_alternative<Vigil::Try>(action) && std::get<Vigil::Try>(action).in_turn;
  }
  bool tries_out_of_turn() {
    const Vigil::Action action = vigil.next(now);
    return std::holds_alternative<Vigil::Try>(action) && !std::get<Vigil::Try>(action).in_turn;
  }
  // Nothing is due before; then time has passed until then.
  Duration pass_to_deadline() {
    REQUIRE(vigil.deadline() != TimePoint::max());
    const Duration time = std::max(vigil.deadline() - now, Duration{});
    if (time > Duration{}) {
      now += time - Duration{1};
      CHECK(idle());
      now += Duration{1};
    }
    return time;
  }
};

QueuePosition position(std::uint64_t ahead) {
  return {.ahead = ahead, .waiting = ahead + 1};
}
Outlook outlook(std::optional<std::string> holder, std::optional<QueuePosition> where,
                std::chrono::milliseconds remaining = 30s) {
  return {.holder = holder ? std::optional{Token{*holder}} : std::nullopt,
          .remaining = remaining,
          .position = where};
}

}  // namespace

TEST_SUITE("vigil") {
  TEST_CASE("the first in the line tries when a quorum has told of a change, and not before") {
    Waiting one;
    one.settled(position(0));
    one.changed({0, 3});
    CHECK(one.idle());
    one.changed({0, 3, 3, 0});  // the same nodes again
    CHECK(one.idle());
    one.changed({2});
    CHECK(one.vigil.deadline() <= one.now);
    CHECK(one.tries_in_turn());
    CHECK(one.idle());  // until it has been told how things are
  }

  TEST_CASE("the stragglers of a change are not taken for the next one") {
    Waiting one;
    one.settled(position(0));
    one.changed({0, 1, 2});
    REQUIRE(one.tries_in_turn());
    one.changed({3, 4});
    CHECK(one.idle());
  }

  TEST_CASE("a node that was free for the last attempt has changed already") {
    Waiting one;
    one.settled(position(0));
    NodeVotes votes(kNodes);
    for (NodeVote& vote : votes) vote.answer = refused("them");
    votes[1].answer = votes[4].answer = Granted{7};
    one.held(position(0), votes);
    REQUIRE(one.idle());
    one.changed({4});
    CHECK(one.idle());
    one.changed({0});
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("the second gives the first a slot of time") {
    const auto slot_after = [](Duration round_trip) {
      Waiting one;
      one.settled(position(1), 30s, round_trip);
      one.changed({0, 1, 2});
      CHECK(one.idle());
      const Duration slot = one.pass_to_deadline();
      CHECK(one.tries_in_turn());
      return slot;
    };
    CHECK(slot_after(1ms) == 8ms);
    CHECK(slot_after(20ms) == 25ms);
    CHECK(slot_after(10s) == 250ms);
  }

  TEST_CASE("a second change within the slot says that the first was granted the lock") {
    Waiting one;
    one.settled(position(1));
    one.changed_everywhere();
    one.now += 1ms;
    one.changed_everywhere();
    const Vigil::Look look = one.look();
    CHECK(look.what == Look::Outlook);
    CHECK(one.idle());  // one node is enough
    one.vigil.on_outlook(one.now, look.node, outlook("first", position(0)));
    CHECK(one.idle());
    one.now += kSlot;
    CHECK(one.idle());
    one.changed({0, 1});
    CHECK(one.idle());
    one.changed({2});
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("who is behind looks who the holder is, and an extension starts nothing") {
    Waiting one;
    one.settled(position(2));
    one.now += 500ms;
    one.changed_everywhere();
    CHECK(one.idle());
    CHECK(one.pass_to_deadline() > Duration{});  // it cannot be the next
    Vigil::Look look = one.look();
    CHECK(look.what == Look::Holder);
    one.vigil.on_holder(one.now, look.node, Token{"them"});
    const NodeIndex asked = look.node;
    look = one.look();
    CHECK(look.what == Look::Remaining);
    CHECK(look.node == asked);
    one.vigil.on_remaining(one.now, look.node, 60s);
    CHECK(one.idle());
    CHECK(one.vigil.expires() == one.now + 60s);
  }

  TEST_CASE("another holder moves the line, and where we stand now is asked for") {
    Waiting one;
    one.settled(position(2));
    one.now += 500ms;
    one.changed_everywhere();
    one.pass_to_deadline();
    Vigil::Look look = one.look();
    one.vigil.on_holder(one.now, look.node, Token{"next"});
    look = one.look();
    CHECK(look.what == Look::Outlook);
    one.vigil.on_outlook(one.now, look.node, outlook("next", position(1), 10s));
    REQUIRE(one.vigil.position());
    CHECK(one.vigil.position()->ahead == 1);
    CHECK(one.vigil.expires() == one.now + 10s);
    CHECK(one.idle());
  }

  TEST_CASE("where nobody is the holder, each tries when those before it have had their slots") {
    Waiting one;
    one.settled(position(2));
    one.now += 500ms;
    one.changed_everywhere();
    const TimePoint changed = one.now;
    one.pass_to_deadline();
    Vigil::Look look = one.look();
    one.vigil.on_holder(one.now, look.node, std::nullopt);
    look = one.look();
    CHECK(look.what == Look::Outlook);
    one.vigil.on_outlook(one.now, look.node, outlook({}, position(2)));
    CHECK(one.idle());  // and not look, and look again
    one.pass_to_deadline();
    CHECK(one.now == changed + 2 * kSlot);
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("what is heard while a look is under way is not lost") {
    Waiting one;
    one.settled(position(1));
    one.changed_everywhere();
    one.changed_everywhere();
    const Vigil::Look look = one.look();
    one.changed({0, 1, 2});  // after the node was asked, before its answer is here
    one.vigil.on_outlook(one.now, look.node, outlook("first", position(0)));
    CHECK(one.tries_in_turn());
  }

  TEST_CASE(
      "a release that others have told of, and the node that is asked has not seen, is looked for once "
      "more") {
    Waiting one;
    one.settled(position(1));
    one.changed_everywhere();
    one.changed_everywhere();
    one.changed({0, 1});
    Vigil::Look look = one.look();
    one.vigil.on_outlook(one.now, look.node, outlook("first", position(0)));
    CHECK(one.pass_to_deadline() == 1ms);
    look = one.look();
    CHECK(look.what == Look::Outlook);
    one.vigil.on_outlook(one.now, look.node, outlook({}, position(0)));
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("a node that tells of two changes at once is no reason to wait for a slot") {
    Waiting one;
    one.settled(position(1), 30s, 4ms);
    one.changed({0, 1, 2});                // the end of one holder
    one.changed({0, 1});                   // and the grant of the next, which the others had told of already
    CHECK(one.pass_to_deadline() == 2ms);  // half a round trip
    Vigil::Look look = one.look();
    CHECK(look.what == Look::Outlook);
    one.vigil.on_outlook(one.now, look.node, outlook("first", position(0)));
    one.changed({0, 1, 2});
    CHECK(one.tries_in_turn());

    Waiting other;  // the same, and the others tell of the second change in time
    other.settled(position(1), 30s, 4ms);
    other.changed({0, 1, 2});
    other.changed({0, 1});
    other.changed({2});
    CHECK(other.look().what == Look::Outlook);
  }

  TEST_CASE("a look that fails costs an attempt if the lock seems free, and else nothing") {
    Waiting one;
    one.settled(position(2));
    one.now += 500ms;
    one.changed_everywhere();  // given back, it seems
    one.pass_to_deadline();
    one.vigil.on_look_failed(one.look().node);
    CHECK(one.tries_in_turn());

    Waiting other;
    other.settled(position(1));
    other.changed_everywhere();
    other.changed_everywhere();  // and taken
    other.vigil.on_look_failed(other.look().node);
    CHECK(other.idle());
    CHECK(other.vigil.deadline() < other.now + 3s);  // the poll
  }

  TEST_CASE("who was passed over enters the line again") {
    Waiting one;
    one.settled(position(1));
    one.changed_everywhere();
    one.changed_everywhere();
    const Vigil::Look look = one.look();
    one.vigil.on_outlook(one.now, look.node, outlook("newcomer", std::nullopt));
    CHECK(one.vigil.deadline() <= one.now);
    CHECK(one.tries_out_of_turn());
  }

  TEST_CASE("from far back a single node is listened to") {
    Waiting one;
    one.settled(position(3));
    for (NodeIndex node = 0; node < kNodes; ++node) CHECK(one.is_told_by(node) == (node == kHome));
    one.now += 100ms;
    one.changed({0, 2, 3, 4});
    CHECK(one.vigil.deadline() > one.now + 500ms);  // the poll
    one.changed({kHome});
    one.pass_to_deadline();
    CHECK(one.look().what == Look::Holder);

    Waiting near;
    near.settled(position(1));
    for (NodeIndex node = 0; node < kNodes; ++node) CHECK(near.is_told_by(node));
  }

  TEST_CASE(
      "far back in a line that moves fast the changes are counted, and nobody is asked until it is worth "
      "it") {
    Waiting one;
    one.settled(position(10));
    one.now += 100ms;
    for (int handed_on = 0; handed_on < 3; ++handed_on) {
      one.changed({kHome});
      one.changed({kHome});
    }
    one.now = one.vigil.nap_until();
    CHECK(one.idle());  // no look
    const Duration nap = one.vigil.nap_until() - one.now;
    CHECK(nap > Duration{});
    CHECK(nap <= 6 * 4ms);  // the seventh since, at the most that one is taken to have the lock
    CHECK(one.vigil.deadline() == one.vigil.nap_until());
    for (int handed_on = 0; handed_on < 6; ++handed_on) {
      one.changed({kHome});
      one.changed({kHome});
    }
    one.now = one.vigil.nap_until();
    const Vigil::Look look = one.look();  // the next but one, if nobody came in between
    CHECK(look.what == Look::Outlook);
    one.vigil.on_outlook(one.now, look.node, outlook("ninth", position(7)));  // some have come in between
    one.now = one.vigil.nap_until();
    one.changed({kHome});
    one.changed({kHome});
    CHECK(one.idle());  // counts anew
  }

  TEST_CASE("far back in a line that moves no more one looks") {
    Waiting one;
    one.settled(position(10));
    one.now += 100ms;
    one.changed({kHome});
    one.changed({kHome});
    one.now = one.vigil.nap_until();
    REQUIRE(one.idle());
    one.now = one.vigil.deadline();
    CHECK(one.look().what == Look::Outlook);
  }

  TEST_CASE("a node that answers after the verdict is listened to, and asked, like the others") {
    Waiting one;
    NodeVotes votes(kNodes);
    for (NodeVote& vote : votes) vote.answer = refused("them", 3600s);
    votes[4].answer = Awaited{};
    one.held(position(0), votes);
    one.settle();
    CHECK_FALSE(one.vigil.wants(4));
    one.vigil.on_late_answer(4);
    CHECK(one.vigil.wants(4));
    one.listening();
    bool asked = false;
    for (int looks = 0; looks < 10 && !asked; ++looks) {
      one.now = std::max(one.now, one.vigil.deadline());
      const Vigil::Look look = one.look();
      asked = look.node == 4;
      if (look.what == Look::Holder) one.vigil.on_holder(one.now, look.node, Token{"them"});
      if (look.what == Look::Remaining) one.vigil.on_remaining(one.now, look.node, 3600s);
    }
    CHECK(asked);
  }

  TEST_CASE("from far back another node is listened to when the one does not answer, or does not tell") {
    Waiting one;
    NodeVotes votes(kNodes);
    for (NodeVote& vote : votes) vote.answer = refused("them");
    votes[kHome].answer = kTimedOut;
    one.held(position(9), votes);
    CHECK_FALSE(one.vigil.wants(kHome));
    CHECK(one.vigil.wants(kHome + 1));

    Waiting other;
    other.held(position(9));
    REQUIRE(other.vigil.wants(kHome));
    other.pass_to_deadline();
    REQUIRE(other.tries_out_of_turn());
    other.held(position(9));
    CHECK_FALSE(other.vigil.wants(kHome));
    CHECK(other.vigil.wants(kHome + 1));
  }

  TEST_CASE("who has come nearer listens to a quorum, and to all when it stays there") {
    Waiting one;
    one.held(position(2));
    one.vigil.on_listening(one.now, kHome);
    one.held(position(2));
    one.now += kPreparation;
    REQUIRE(one.idle());
    one.changed({kHome});
    one.changed({kHome});
    one.pass_to_deadline();
    const Vigil::Look look = one.look();
    one.vigil.on_outlook(one.now, look.node, outlook("next", position(1)));
    for (NodeIndex node = 0; node < kNodes; ++node) CHECK(one.vigil.wants(node) == (node >= 1 && node <= 3));
    CHECK(one.vigil.deadline() <= one.now + kRetryDelay);  // as too few tell of changes yet
    CHECK(one.vigil.deadline() <= one.now + kSettling);
    one.settle();
    for (NodeIndex node = 0; node < kNodes; ++node) CHECK(one.vigil.wants(node));
  }

  TEST_CASE("without a quorum that tells of changes it tries again after the retry delay") {
    Waiting one;
    one.held(position(0));
    one.listening(2);
    CHECK(one.pass_to_deadline() == kRetryDelay / 2);  // 0.5 to 1.5 times
    CHECK(one.tries_out_of_turn());
    one.held(position(0));
    one.vigil.on_listening(one.now, 2);
    CHECK(one.vigil.next(one.now).index() != 0);  // what changed before that is told by nobody: a look
    one.held(position(0));
    CHECK(one.pass_to_deadline() >= 1s);
    one.vigil.on_deaf(one.now, 0);
    CHECK(one.vigil.deadline() == one.now + kRetryDelay / 2);
  }

  TEST_CASE("the first quorum that tells of changes is reason for a look") {
    Waiting one;
    one.held(position(0));
    one.listening(2);
    CHECK(one.idle());
    one.vigil.on_listening(one.now, 2);
    CHECK(one.vigil.deadline() <= one.now);
    CHECK(one.look().what == Look::Holder);
  }

  TEST_CASE("a lost message costs a second or two: one node after the other is asked for the TTL") {
    Waiting one;
    NodeVotes votes(kNodes);
    for (NodeVote& vote : votes) vote.answer = refused("them", 3600s);
    votes[3].answer = kTimedOut;
    one.held(position(1));
    one.listening();
    one.settle();
    one.held(position(1), votes);
    REQUIRE(one.idle());
    std::vector<NodeIndex> asked;
    for (int round = 0; round < 8; ++round) {
      const Duration time = one.pass_to_deadline();
      CHECK(time >= 1s);
      CHECK(time <= 2200ms);
      const Vigil::Look look = one.look();
      CHECK(look.what == Look::Remaining);
      asked.push_back(look.node);
      one.vigil.on_remaining(one.now, look.node, 3600s);
    }
    for (const NodeIndex node : {0U, 1U, 2U, 4U}) CHECK(std::count(asked.begin(), asked.end(), node) == 2);
  }

  TEST_CASE("a key that is found gone without a message is asked after") {
    Waiting one;
    one.settled(position(0));
    one.pass_to_deadline();
    Vigil::Look look = one.look();
    REQUIRE(look.what == Look::Remaining);
    one.vigil.on_remaining(one.now, look.node, std::nullopt);
    look = one.look();
    CHECK(look.what == Look::Outlook);
    one.vigil.on_outlook(one.now, look.node, outlook({}, position(0)));
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("when the lock expires for a quorum the first tries, and the others a slot later each") {
    const auto tries_after = [](std::uint64_t ahead) {
      Waiting one;
      one.settled(position(ahead), 500ms);
      const Duration time = one.pass_to_deadline();
      CHECK(one.tries_in_turn());
      return time;
    };
    CHECK(tries_after(0) == 501ms);
    CHECK(tries_after(1) == 509ms);
    CHECK(tries_after(2) == 517ms);
  }

  TEST_CASE("a key without a TTL never expires") {
    Waiting one;
    one.settled(position(0), -1ms);
    CHECK(one.vigil.expires() == TimePoint::max());
    CHECK(one.pass_to_deadline() >= 1s);
    CHECK(one.look().what == Look::Remaining);
  }

  TEST_CASE("the place in the line is renewed well before the nodes forget it") {
    Waiting one;
    one.settled(position(1), 3600s);
    const TimePoint began = one.now;
    for (bool tried = false; !tried;) {
      one.now = std::max(one.now, one.vigil.deadline());
      const Vigil::Action action = one.vigil.next(one.now);
      if (const auto* look = std::get_if<Vigil::Look>(&action))
        one.vigil.on_remaining(one.now, look->node, 3600s);
      tried = std::holds_alternative<Vigil::Try>(action);
      if (tried) CHECK_FALSE(std::get<Vigil::Try>(action).in_turn);
    }
    CHECK(one.now - began >= 180s);
    CHECK(one.now - began <= 220s);
  }

  TEST_CASE("the farther back, the longer nothing heard can matter, within bounds") {
    const auto nap_at = [](std::uint64_t ahead) {
      Waiting one;
      one.settled(position(ahead));
      return std::max(one.vigil.nap_until() - one.now, Duration{});
    };
    CHECK(nap_at(0) == Duration{});
    CHECK(nap_at(1) == Duration{});
    CHECK(nap_at(2) > Duration{});
    CHECK(nap_at(5) > nap_at(3));
    CHECK(nap_at(1000) == 50ms);
  }

  TEST_CASE("who has many others before it sleeps through the first changes, unless somebody watches") {
    const auto patience_at = [](std::uint64_t ahead, bool curious) {
      Waiting one{curious};
      one.settled(position(ahead));
      return one.vigil.patience();
    };
    CHECK(patience_at(0, false) == 1);
    CHECK(patience_at(24, false) == 1);
    CHECK(patience_at(30, false) == 13);
    CHECK(patience_at(30, true) == 1);

    Waiting one;
    one.settled(position(30));
    one.now += 100ms;
    for (int change = 0; change < 8; ++change) one.changed({kHome});
    one.now = one.vigil.nap_until();
    REQUIRE(one.idle());
    CHECK(one.vigil.patience() == 5);  // four have had the lock since
  }

  TEST_CASE("changes that are told together count before it is decided how long to sleep") {
    Waiting one;
    one.settled(position(90));
    one.now += 10s;
    for (int change = 0; change < 2 * 80; ++change) one.changed({kHome});
    CHECK(one.vigil.nap_until() > one.now);
    CHECK(one.vigil.nap_until() < one.now + 15ms);  // ten are left, and not ninety
  }

  TEST_CASE("the longer the line that was counted, the sooner the count is checked") {
    const auto looks_after = [](std::uint64_t ahead, std::uint64_t served) {
      Waiting one;
      one.settled(position(ahead));
      one.now += 10s;
      for (std::uint64_t change = 0; change < 2 * served; ++change) one.changed({kHome});
      one.now = std::max(one.now, one.vigil.nap_until());
      return !one.idle();
    };
    CHECK_FALSE(looks_after(96, 85));
    CHECK(looks_after(96, 87));  // nine are left, of which eight may not have been counted
    CHECK_FALSE(looks_after(10, 8));
    CHECK(looks_after(10, 9));
  }

  TEST_CASE("who has waited for a while gets ready, and keeps the connections that it will need") {
    for (const std::uint64_t ahead : {2U, 40U}) {
      Waiting one;
      one.held(position(ahead));
      one.vigil.on_listening(one.now, kHome, true);
      one.vigil.on_look_failed(one.look().node);
      one.now += kPreparation - 1ms;
      CHECK(one.idle());
      CHECK_FALSE(one.vigil.gets_ready());
      CHECK_FALSE(one.vigil.wants(2));
      CHECK(one.vigil.deadline() == one.now + 1ms);
      one.now += 1ms;
      CHECK(one.idle());
      CHECK(one.vigil.gets_ready());
      CHECK_FALSE(one.keeps_ready(0));
      CHECK(one.keeps_ready(2));
      CHECK(one.keeps_ready(3));
      CHECK_FALSE(one.keeps_ready(4));
      one.held(position(ahead));
      CHECK(one.vigil.gets_ready());  // and stays so
    }
  }

  TEST_CASE(
      "who is called looks at nobody, and goes when it is the first and a quorum has told; before, it heeds "
      "home") {
    Waiting one;
    one.far_back(40);
    one.vigil.on_called(one.now, kHome, 1);
    CHECK(one.vigil.position()->ahead == 1);
    CHECK(one.vigil.position()->waiting == 2);
    CHECK(one.is_told_by(kHome));
    CHECK(one.keeps_ready(2));
    CHECK(one.keeps_ready(3));
    CHECK_FALSE(one.vigil.wants(0));
    one.vigil.on_listening(one.now, kHome, true);
    CHECK(one.idle());
    one.changed({kHome});
    CHECK(one.idle());
    CHECK(one.vigil.deadline() == one.now + kSlot);
    one.vigil.on_called(one.now, kHome, 0);
    one.changed({kHome});  // for which it was called
    CHECK(one.idle());
    for (const NodeIndex node : {2, 3}) {
      CHECK(one.is_told_by(node));
      one.vigil.on_listening(one.now, node);
    }
    CHECK(one.idle());
    one.changed({2, 3});
    CHECK(one.idle());
    one.changed({kHome});
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("a release that comes before a quorum tells of changes costs a look") {
    Waiting one;
    one.far_back(40);
    one.called_near(1);
    one.changed({kHome});
    one.vigil.on_called(one.now, kHome, 0);
    one.changed({kHome});  // for which it was called
    one.vigil.on_listening(one.now, 2);
    CHECK(one.idle());
    one.changed({kHome});
    CHECK(one.idle());
    one.vigil.on_listening(one.now, 3);
    const Vigil::Look look = one.look();
    CHECK(look.what == Look::Outlook);
    one.vigil.on_outlook(one.now, look.node, outlook({}, position(0)));
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("where the nodes are far the second that is called hears of a quorum in time") {
    Waiting one;
    one.held(position(40), 30s, 20ms);
    one.vigil.on_listening(one.now, kHome, true);
    one.vigil.on_look_failed(one.look().node);
    one.now += kPreparation;
    REQUIRE(one.idle());
    CHECK(one.keeps_ready(2));
    one.called_near(1);
    for (NodeIndex node = 0; node < kNodes; ++node) CHECK(one.is_told_by(node) == (node >= 1 && node <= 3));
    CHECK(one.idle());
  }

  TEST_CASE("the second that stays it hears of a quorum like any other") {
    Waiting one;
    one.far_back(40);
    one.called_near(1);
    CHECK(one.keeps_ready(2));
    one.settle();
    for (NodeIndex node = 0; node < kNodes; ++node) CHECK(one.is_told_by(node));
  }

  TEST_CASE("a node that is ahead of the one that calls has told of the release already") {
    Waiting one;
    one.settled(position(1));
    one.vigil.on_listening(one.now, kHome, true);
    one.vigil.on_look_failed(one.look().node);
    one.handed_on({2, 3});
    one.changed({2, 3});
    one.changed({kHome});
    one.vigil.on_called(one.now, kHome, 0);
    one.changed({kHome});
    REQUIRE(one.idle());
    one.changed({kHome});
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("a node that calls in vain costs a look, or a slot, and no more") {
    Waiting one;
    one.far_back(40);
    one.vigil.on_called(one.now, 0, 1);  // not home
    CHECK(one.vigil.position()->ahead == 40);
    one.called_near(0);
    const Vigil::Look look = one.look();
    CHECK(look.what == Look::Outlook);
    one.vigil.on_outlook(one.now, look.node, outlook("them", position(9)));
    CHECK(one.vigil.position()->ahead == 9);
    CHECK_FALSE(one.is_told_by(2));  // not near after all
    one.vigil.on_called(one.now, kHome, 1);
    const TimePoint called = one.now;
    one.now += 50ms;
    one.vigil.on_called(one.now, kHome, 1);  // again and again: nothing is put off by that
    CHECK(one.vigil.nap_until() <= called + 2ms);
  }

  TEST_CASE(
      "the second that was called gives the first its slot, and looks when it is not called as it should "
      "be") {
    Waiting one;
    one.far_back(5);
    one.called_near(1);
    one.changed({kHome});  // for which it was called
    one.now += 20ms;
    one.changed({1, 2, 3});
    CHECK(one.pass_to_deadline() == kSlot);
    CHECK(one.tries_in_turn());
    one.held(position(1));
    one.now += 20ms;
    one.handed_on({1, 2, 3});
    CHECK(one.pass_to_deadline() == kSlot);
    CHECK(one.look().what == Look::Outlook);
  }

  TEST_CASE("who is far back and is called need not be told of changes, unless somebody watches") {
    const auto hushes_at = [](std::uint64_t ahead, bool curious) {
      Waiting one{curious};
      one.far_back(ahead);
      return one.vigil.hushes(kHome);
    };
    CHECK_FALSE(hushes_at(23, false));  // in case all before it are dead
    CHECK(hushes_at(24, false));
    CHECK_FALSE(hushes_at(24, true));

    Waiting one;
    one.settled(position(30));
    CHECK_FALSE(one.vigil.hushes(kHome));  // nobody calls
    one.vigil.on_listening(one.now, kHome, true);
    CHECK(one.vigil.hushes(kHome));
    one.vigil.on_look_failed(one.look().node);
    one.handed_on({kHome});                         // on the way before
    CHECK(one.vigil.deadline() > one.now + 500ms);  // the poll
    one.vigil.on_deaf(one.now, kHome);
    CHECK_FALSE(one.vigil.hushes(kHome));
  }

  TEST_CASE("nor while the line moves fast; without a call it listens again after a while, and looks") {
    Waiting one;
    one.far_back(20);
    one.changed({kHome});
    CHECK(one.vigil.nap_until() == one.now + kSlot);
    one.now += 2ms;
    one.changed({kHome});
    one.handed_on({kHome});
    CHECK_FALSE(one.vigil.hushes(kHome));
    one.pass_to_deadline();
    CHECK(one.idle());
    CHECK(one.vigil.hushes(kHome));
    CHECK(one.vigil.nap_until() <= one.now);  // a call is to be heard
    CHECK(one.pass_to_deadline() == 18 * 5ms);
    CHECK(one.idle());
    CHECK_FALSE(one.vigil.hushes(kHome));
    one.vigil.on_listening(one.now, kHome, true);
    CHECK(one.look().what == Look::Outlook);
  }

  TEST_CASE("in a line that moves slowly it goes on listening") {
    Waiting one;
    one.far_back(20);
    one.handed_on({kHome});
    one.pass_to_deadline();
    CHECK(one.idle());
    CHECK_FALSE(one.vigil.hushes(kHome));
  }

  TEST_CASE("in no line, one stands somewhere among a few") {
    Waiting one;
    one.settled(std::nullopt);
    one.changed({0, 1});
    CHECK(one.idle());
    one.changed({2});
    CHECK(one.vigil.deadline() <= one.now + 8 * kSlot);
    one.now = std::max(one.now, one.vigil.deadline());
    CHECK(one.tries_in_turn());
  }

  TEST_CASE("somebody who watches is told who has the lock now") {
    Waiting one{true};
    one.settled(position(1));
    one.changed_everywhere();
    one.changed_everywhere();
    const Vigil::Look look = one.look();
    one.vigil.on_outlook(one.now, look.node, outlook("first", position(0)));
    CHECK(one.pass_to_deadline() == 1s);
    CHECK(one.tries_out_of_turn());  // its answers say who it is
  }

  TEST_CASE("an answer that comes after an attempt has told more changes nothing") {
    Waiting one;
    one.settled(position(1));
    one.changed_everywhere();
    one.changed_everywhere();
    const Vigil::Look look = one.look();
    one.held(position(0));
    one.vigil.on_outlook(one.now, look.node, outlook("stale", position(7)));
    CHECK(one.vigil.position()->ahead == 0);
    CHECK(one.idle());
  }
}
