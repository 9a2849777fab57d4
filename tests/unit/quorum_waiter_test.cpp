#include "quorum/waiter.hpp"
#include "quorum_fixture.hpp"

#include <algorithm>

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {

constexpr std::size_t kNodes = 5;
constexpr NodeIndex kHome = 1;   // Counting's first number
constexpr Duration kSlot = 8ms;  // the least
constexpr Duration kRetryDelay = 200ms;
constexpr Duration kDoubtPause = 250ms;
constexpr Duration kPoll = 1100ms;  // the least, with five nodes

QueuePosition at(std::uint64_t ahead) {
  return {.ahead = ahead, .waiting = ahead + 1};
}

Refused refusal(std::optional<std::uint64_t> ahead, std::chrono::milliseconds remaining = 30s) {
  Refused refused = test::refused("them", remaining);
  if (ahead) refused.position = at(*ahead);
  return refused;
}

// One waiter, for whom the test plays the nodes. Counting's numbers are so small that there is no jitter: each time is the
// shortest that it can be.
class Waiting {
 public:
  explicit Waiting(bool several = false, bool slots = false)
      : waiter{kRetryDelay, membership, entropy, several, slots} {}

  Counting entropy;
  Membership membership{kNodes, kTtl};
  TimePoint now{1h};
  Waiter waiter;
  std::string held_by = "them";

  // An attempt is refused by all nodes, which have `ahead` waiters before this one.
  void held(std::optional<std::uint64_t> ahead, std::chrono::milliseconds remaining = 30s,
            Duration round_trip = 1ms) {
    NodeVotes votes(kNodes);
    for (NodeVote& vote : votes) vote.answer = refusal(ahead, remaining);
    held(ahead, votes, round_trip);
  }
  void held(std::optional<std::uint64_t> ahead, const NodeVotes& votes, Duration round_trip = 1ms) {
    waiter.on_held(now,
                   {.holder = {held_by},
                    .info = {},
                    .votes = 3,
                    .free_in = {},
                    .position = ahead ? std::optional{at(*ahead)} : std::nullopt},
                   votes, round_trip);
  }
  // It subscribes to what it wants, and the look at the state that this causes finds nothing new.
  void subscribed(std::chrono::milliseconds remaining = 30s) {
    for (NodeIndex node = 0; node < kNodes; ++node) {
      if (waiter.wants(node) != Subscribed::Nothing) waiter.on_subscribed(now, node, waiter.wants(node));
    }
    state_is("them", remaining);
    REQUIRE(sleeps());
  }
  void waits_at(std::optional<std::uint64_t> ahead, std::chrono::milliseconds remaining = 30s) {
    held(ahead, remaining);
    subscribed(remaining);
  }
  void changed(std::initializer_list<NodeIndex> nodes) {
    for (const NodeIndex node : nodes) waiter.on_key_changed(now, node);
  }
  // As a node tells of a grant to a waiter: the call first, then the change of the key.
  void granted(std::uint64_t ahead, std::initializer_list<NodeIndex> nodes) {
    for (const NodeIndex node : nodes) {
      waiter.on_granted(now, node, ahead);
      waiter.on_key_changed(now, node);
    }
  }

  // It asks for the state now, and that is the answer.
  void state_is(std::optional<std::string> holder, std::chrono::milliseconds remaining = 30s) {
    state_is(std::move(holder), waiter.position(), remaining);
  }
  void state_is(std::optional<std::string> holder, std::optional<QueuePosition> position,
                std::chrono::milliseconds remaining = 30s) {
    const auto node = asks(Probe::QueueState);
    REQUIRE(node);
    QueueState state{.holder = {}, .remaining = remaining, .info = {}, .position = position};
    if (holder) state.holder = Token{*holder};
    waiter.on_queue_state(now, *node, state);
  }

  bool sleeps() { return std::holds_alternative<Waiter::Sleep>(waiter.next(now)); }
  bool tries() { return tries(false); }
  bool passes_others() { return tries(true); }
  bool tries_and_bars() {
    const Waiter::Action action = waiter.next(now);
    const auto* attempt = std::get_if<Waiter::Try>(&action);
    REQUIRE(attempt != nullptr);
    return attempt->bars;
  }
  std::optional<NodeIndex> asks(Probe what) {
    const Waiter::Action action = waiter.next(now);
    const auto* ask = std::get_if<Waiter::Ask>(&action);
    return ask != nullptr && ask->what == what ? std::optional{ask->node} : std::nullopt;
  }
  // Nothing is due before; then time has passed until then.
  Duration pass_to_deadline() {
    REQUIRE(waiter.deadline() != TimePoint::max());
    const Duration time = std::max(waiter.deadline() - now, Duration{});
    if (time > Duration{}) {
      now += time - Duration{1};
      CHECK(sleeps());
      now += Duration{1};
    }
    return time;
  }
  std::vector<NodeIndex> listens(Subscribed mode) const {
    std::vector<NodeIndex> nodes;
    for (NodeIndex node = 0; node < kNodes; ++node) {
      if (waiter.wants(node) == mode) nodes.push_back(node);
    }
    return nodes;
  }

 private:
  bool tries(bool in_turn) {
    const Waiter::Action action = waiter.next(now);
    return std::holds_alternative<Waiter::Try>(action) && std::get<Waiter::Try>(action).in_turn == in_turn;
  }
};

using Nodes = std::vector<NodeIndex>;
const Nodes kAll{0, 1, 2, 3, 4};

}  // namespace

TEST_SUITE("a waiter") {
  // --- First: position 0

  TEST_CASE("the first listens to the key on all nodes, and tries when a quorum has told of a change") {
    Waiting it;
    it.waits_at(0);
    CHECK(it.listens(Subscribed::Next) == kAll);
    it.changed({0, 1});
    CHECK(it.sleeps());
    it.changed({4});
    CHECK(it.tries());
  }

  TEST_CASE("what less than a quorum tells while the first tries is looked at once more, but in no hurry") {
    Waiting it;
    it.waits_at(0);
    it.changed({0, 1, 2});
    CHECK(it.tries());
    it.changed({3, 4});
    it.held(0);  // it was only an extension
    CHECK(it.pass_to_deadline() == kDoubtPause);
    CHECK(it.asks(Probe::QueueState));
  }

  TEST_CASE("a release during the attempt is reason for the next one") {
    Waiting it;
    it.waits_at(0);
    it.changed({0, 1, 2});
    CHECK(it.tries());
    it.changed({3, 4, 0});
    it.held(0);
    CHECK(it.tries());
  }

  TEST_CASE("a node is one vote among those that tell, however many addresses lead to it") {
    Waiting it;
    for (NodeIndex node = 0; node < 3; ++node)
      it.membership.on_identity({.boot = it.now, .wall_us = kWallUs}, node, identity("one and the same"));
    it.waits_at(0);
    it.changed({0, 1, 2});
    CHECK(it.sleeps());
    it.changed({3, 4});
    CHECK(it.tries());
  }

  TEST_CASE("when the lease ends on a quorum the first tries, though nobody tells") {
    Waiting it;
    it.waits_at(0, 800ms);
    CHECK(it.pass_to_deadline() == 801ms);
    CHECK(it.tries());
  }

  TEST_CASE("a node that has granted is free when the lease ends on the others") {
    Waiting it;
    NodeVotes votes(kNodes);
    for (NodeVote& vote : votes) vote.answer = refusal(0, 5s);
    votes[0].answer = votes[1].answer = Granted{.fence = 1};
    votes[2].answer = refusal(0, 800ms);
    it.held(0, votes);
    CHECK(it.waiter.expires() == it.now + 800ms);
  }

  TEST_CASE("a key without a TTL never expires") {
    Waiting it;
    it.waits_at(0, -1ms);
    CHECK(it.waiter.expires() == TimePoint::max());
  }

  TEST_CASE(
      "the first that tries and finds that another was granted the lock bars it to others from then on") {
    Waiting it;
    it.waits_at(0);
    it.changed({0, 1, 2});
    CHECK_FALSE(it.tries_and_bars());
    it.held(0);  // only extended
    it.changed({0, 1, 2});
    CHECK_FALSE(it.tries_and_bars());
    it.held_by = "another";
    it.held(0);
    for (int i = 0; i < 3; ++i) {
      REQUIRE(it.sleeps());
      CHECK(it.pass_to_deadline() == 1s);
      CHECK(it.tries_and_bars());
      it.held(0);
    }
  }

  TEST_CASE("a waiter that is not the first is not passed over, whoever is granted the lock") {
    Waiting it;
    it.waits_at(1);
    it.held_by = "another";
    it.held(1);
    REQUIRE(it.sleeps());
    it.changed({0, 1, 2});
    it.pass_to_deadline();
    it.state_is(std::nullopt);
    CHECK_FALSE(it.tries_and_bars());
  }

  // --- Second: position 1

  TEST_CASE("the second gives the first a slot, looks, and passes it if the lock is still free") {
    Waiting it;
    it.waits_at(1);
    CHECK(it.listens(Subscribed::Next) == kAll);
    it.changed({0, 1, 2, 3, 4});
    CHECK(it.pass_to_deadline() == kSlot);
    it.state_is(std::nullopt);
    CHECK(it.passes_others());
  }

  TEST_CASE("the second that finds the lock free at once gives the first its slot all the same") {
    Waiting it;
    it.held(1);
    for (NodeIndex node = 0; node < kNodes; ++node) it.waiter.on_subscribed(it.now, node, Subscribed::Next);
    it.state_is(std::nullopt);
    CHECK(it.pass_to_deadline() == kSlot);
    it.state_is(std::nullopt);
    CHECK(it.passes_others());
  }

  TEST_CASE(
      "earlier waiters that did not take their turn lose their positions, though this node has lost them "
      "already") {
    Waiting it;
    it.waits_at(1);
    it.changed({0, 1, 2, 3, 4});
    it.pass_to_deadline();
    it.state_is(std::nullopt, at(0));
    CHECK(it.passes_others());
  }

  TEST_CASE("a slot lasts one round trip and a quarter, where that is longer than 8 ms") {
    Waiting it;
    it.held(1, 30s, 40ms);
    it.subscribed();
    it.changed({0, 1, 2});
    CHECK(it.pass_to_deadline() == 50ms);
  }

  TEST_CASE("the shortest round trip yet counts, and not the last") {
    Waiting it;
    it.held(1, 30s, 40ms);
    it.held(1, 30s, 150ms);
    it.subscribed();
    it.changed({0, 1, 2});
    CHECK(it.pass_to_deadline() == 50ms);
  }

  TEST_CASE("an extension makes the second look, and no more") {
    Waiting it;
    it.waits_at(1);
    it.changed({0, 1, 2, 3, 4});
    it.pass_to_deadline();
    it.state_is("them", 29s);
    CHECK(it.waiter.expires() == it.now + 29s);
    CHECK(it.pass_to_deadline() == kPoll);
  }

  TEST_CASE("the second that is called is the first, and does not take the grant for a release") {
    Waiting it;
    it.waits_at(1);
    it.changed({0, 1, 2, 3, 4});
    it.granted(0, {0, 1, 2, 3});
    CHECK(it.waiter.position()->ahead == 0);
    CHECK(it.pass_to_deadline() == kPoll);
    CHECK(it.asks(Probe::Holder));
    it.changed({0, 1, 2});
    CHECK(it.tries());
  }

  TEST_CASE("when the lease ends the second gives the first a slot") {
    Waiting it;
    it.waits_at(1, 800ms);
    CHECK(it.pass_to_deadline() == 801ms + kSlot);
    CHECK(it.asks(Probe::QueueState));
  }

  TEST_CASE("a change that a node tells of later than a call is no echo of the grant") {
    Waiting it;
    it.waits_at(1);
    for (const NodeIndex node : kAll) it.waiter.on_granted(it.now, node, 0);  // forged, or said twice
    for (const NodeIndex node : kAll) it.waiter.on_granted(it.now, node, 0);
    it.now += 5ms;
    it.changed({0, 1, 2});
    CHECK(it.tries());
  }

  // --- Queued: position 2 and farther back

  TEST_CASE("a queued waiter listens on one node, to be called, and not to the key") {
    Waiting it;
    it.waits_at(2);
    CHECK(it.listens(Subscribed::Queued) == Nodes{kHome});
    CHECK(it.listens(Subscribed::Next).empty());
    it.changed({kHome});
    CHECK(it.pass_to_deadline() == kPoll);
  }

  TEST_CASE("a queued waiter that is called listens to the key on all nodes, and looks when a quorum tells") {
    Waiting it;
    it.waits_at(2);
    it.granted(1, {kHome});
    CHECK(it.waiter.position()->ahead == 1);
    CHECK(it.waiter.position()->waiting == 2);
    CHECK(it.listens(Subscribed::Next) == kAll);
    it.waiter.on_subscribed(it.now, 0, Subscribed::Next);
    it.waiter.on_subscribed(it.now, 1, Subscribed::Next);
    CHECK(it.sleeps());
    it.waiter.on_subscribed(it.now, 2, Subscribed::Next);
    it.state_is(std::nullopt, at(0));  // released meanwhile, and it was called once more
    CHECK(it.tries());
  }

  TEST_CASE("a waiter moves up when those before it give up, and asks: they may have barred the lock") {
    Waiting it;
    it.waits_at(3);
    it.waiter.on_left(it.now, kHome, 1);
    CHECK(it.waiter.position()->ahead == 1);
    it.subscribed();
    CHECK(it.sleeps());
    it.waiter.on_left(it.now, kHome, 0);
    CHECK(it.waiter.position()->ahead == 0);
    it.state_is(std::nullopt);
    CHECK(it.tries());
  }

  TEST_CASE("only its home calls a waiter, and never to where it has been") {
    Waiting it;
    it.waits_at(2);
    it.waiter.on_granted(it.now, 3, 0);
    CHECK(it.waiter.position()->ahead == 2);
    it.waiter.on_granted(it.now, kHome, 7);
    CHECK(it.waiter.position()->ahead == 2);
  }

  TEST_CASE("after a call a waiter stays with the key, though a node should call it back and forth") {
    Waiting it;
    it.waits_at(57);
    it.granted(0, {kHome});
    it.subscribed();
    it.held(57);
    REQUIRE(it.sleeps());
    CHECK(it.listens(Subscribed::Next) == kAll);
    it.changed({0, 1, 2});
    CHECK(it.pass_to_deadline() == 57 * kSlot);
  }

  TEST_CASE("a home that breaks is replaced by another node, and calls may have been missed") {
    Waiting it;
    it.waits_at(2);
    it.waiter.on_unsubscribed(it.now, kHome, false);
    CHECK(it.listens(Subscribed::Queued) == Nodes{kHome + 1});
    it.waiter.on_subscribed(it.now, kHome + 1, Subscribed::Queued);
    CHECK(it.asks(Probe::QueueState));
  }

  TEST_CASE("a queued waiter is at home on a node that has it in its queue") {
    Waiting it;
    NodeVotes votes(kNodes);
    for (NodeVote& vote : votes) vote.answer = refusal(2);
    votes[kHome].answer = Granted{.fence = 1};  // which took it out of the queue, and was released
    votes[kHome + 1].answer = refusal(std::nullopt);
    it.held(2, votes);
    CHECK(it.listens(Subscribed::Queued) == Nodes{kHome + 2});
  }

  TEST_CASE("an answer that is older than a call does not send a waiter back") {
    Waiting it;
    it.waits_at(1);
    it.changed({0, 1, 2});
    it.pass_to_deadline();
    const NodeIndex node = *it.asks(Probe::QueueState);
    it.granted(0, {0, 1, 2, 3, 4});
    it.waiter.on_queue_state(it.now, node,
                             {.holder = Token{"them"}, .remaining = 30s, .info = {}, .position = at(1)});
    CHECK(it.waiter.position()->ahead == 0);
    it.changed({0, 1, 2});
    CHECK(it.tries());
  }

  TEST_CASE("where calls are forbidden the queued listen to the key, too") {
    Waiting it;
    it.waits_at(2);
    it.waiter.on_unsubscribed(it.now, kHome, true);
    CHECK(it.listens(Subscribed::Next) == kAll);
  }

  TEST_CASE("in no queue, a waiter stands somewhere among a few, and looks first") {
    Waiting it;
    it.waits_at(std::nullopt);
    CHECK(it.listens(Subscribed::Next) == kAll);
    it.changed({0, 1, 2});
    CHECK(it.pass_to_deadline() < 8 * kSlot);
    it.state_is(std::nullopt);
    CHECK(it.passes_others());
  }

  // --- Lost messages, and lies

  TEST_CASE("everybody asks one node after the other who the holder is") {
    for (const std::uint64_t ahead : {0, 1, 2, 99}) {
      Waiting it;
      it.waits_at(ahead, 1h);
      Nodes asked;
      for (std::size_t i = 0; i < kNodes; ++i) {
        CHECK(it.pass_to_deadline() == kPoll);
        const auto node = it.asks(Probe::Holder);
        REQUIRE(node);
        asked.push_back(*node);
        it.waiter.on_holder(it.now, *node, Token{"them"});
      }
      std::sort(asked.begin(), asked.end());
      CHECK(asked == kAll);
    }
  }

  TEST_CASE("a call that was lost is found out when another holder is seen") {
    Waiting it;
    it.waits_at(2, 1h);
    it.pass_to_deadline();
    it.waiter.on_holder(it.now, *it.asks(Probe::Holder), Token{"another"});
    it.state_is("another", at(1), 1h);
    CHECK(it.waiter.position()->ahead == 1);
    CHECK(it.listens(Subscribed::Next) == kAll);
  }

  TEST_CASE("whoever finds the lock free gives each earlier waiter a slot, looks again, and passes them") {
    for (const std::uint64_t ahead : {1, 2, 20}) {
      Waiting it;
      it.waits_at(ahead, 1h);
      it.pass_to_deadline();
      const NodeIndex first = *it.asks(Probe::Holder);
      it.waiter.on_holder(it.now, first, std::nullopt);
      CHECK(it.pass_to_deadline() == ahead * kSlot);
      const auto second = it.asks(Probe::QueueState);
      REQUIRE(second);
      CHECK(*second != first);
      it.waiter.on_queue_state(it.now, *second,
                               {.holder = {}, .remaining = {}, .info = {}, .position = it.waiter.position()});
      CHECK(it.passes_others());
    }
  }

  TEST_CASE(
      "fewer nodes than a quorum that tell of changes make it look, not try, and four times a second at the "
      "most") {
    Waiting it;
    it.waits_at(0);
    for (int i = 0; i < 2; ++i) {
      it.changed({3});
      CHECK(it.pass_to_deadline() == kDoubtPause);
      it.state_is("them");
    }
  }

  TEST_CASE("a probe that fails goes to another node, and to none twice") {
    Waiting it;
    it.waits_at(0, 1h);
    it.pass_to_deadline();
    Nodes asked{*it.asks(Probe::Holder)};
    while (asked.size() < 3) {
      it.waiter.on_probe_failed(it.now, asked.back());
      const auto node = it.asks(Probe::QueueState);
      REQUIRE(node);
      CHECK(std::find(asked.begin(), asked.end(), *node) == asked.end());
      asked.push_back(*node);
    }
    // With the third no quorum is left that answers.
    it.waiter.on_probe_failed(it.now, asked.back());
    CHECK(it.tries());
  }

  TEST_CASE(
      "a node that was silent is polled in its turn, and takes part again with the first word that it says") {
    for (const std::uint64_t ahead : {0, 1, 2}) {
      Waiting it;
      it.waits_at(ahead, 1h);
      for (std::size_t i = 0; i < 2 * kNodes; ++i) {  // all of them are silent
        CHECK(it.pass_to_deadline() <= kPoll);
        const auto node = it.asks(Probe::Holder);
        REQUIRE(node);
        it.waiter.on_probe_failed(it.now, *node);
        while (const auto other = it.asks(Probe::QueueState)) it.waiter.on_probe_failed(it.now, *other);
      }
      it.pass_to_deadline();
      const auto first = it.asks(Probe::Holder);
      REQUIRE(first);
      it.waiter.on_holder(it.now, *first, Token{"another"});
      CHECK(it.asks(Probe::QueueState));
    }
  }

  TEST_CASE("while each node is being asked a look is put off for a slot, and never due all the time") {
    Waiting it;
    it.waits_at(1, 1h);
    for (std::size_t i = 0; i < kNodes; ++i) {
      it.pass_to_deadline();
      REQUIRE(it.asks(Probe::Holder));  // and nothing comes of it yet
    }
    it.changed({0, 1, 2});
    CHECK(it.pass_to_deadline() == kSlot);
    CHECK(it.sleeps());
    CHECK(it.waiter.deadline() == it.now + kSlot);
  }

  TEST_CASE("a waiter that the nodes have passed over enters the queue again") {
    Waiting it;
    it.waits_at(2);
    it.waiter.on_subscribed(it.now, kHome, Subscribed::Queued);
    it.pass_to_deadline();
    it.waiter.on_holder(it.now, *it.asks(Probe::Holder), Token{"another"});
    it.state_is("another", std::nullopt);
    CHECK(it.tries());  // refused, since another holds the lock
  }

  TEST_CASE("the position in the queue is renewed well before the nodes forget it") {
    Waiting it;
    it.waits_at(2, -1ms);
    while (it.now < TimePoint{1h} + 179s) {
      it.pass_to_deadline();
      if (const auto node = it.asks(Probe::Holder)) it.waiter.on_holder(it.now, *node, Token{"them"});
    }
    it.now = TimePoint{1h} + 180s;
    CHECK(it.tries());
  }

  // --- Nodes that tell nothing

  TEST_CASE("while too few nodes tell of changes a waiter tries again after the retry delay") {
    Waiting it;
    it.held(0);
    it.waiter.on_subscribed(it.now, 0, Subscribed::Next);
    it.waiter.on_subscribed(it.now, 1, Subscribed::Next);
    CHECK(it.pass_to_deadline() == kRetryDelay / 2);
    CHECK(it.tries());
  }

  TEST_CASE("the first quorum that tells is reason to look for what went unseen, and ends the retries") {
    Waiting it;
    it.held(0);
    for (const NodeIndex node : {0, 1, 2}) it.waiter.on_subscribed(it.now, node, Subscribed::Next);
    CHECK(it.asks(Probe::QueueState));
    CHECK(it.pass_to_deadline() == kPoll);
  }

  TEST_CASE("a queued waiter whose home does not begin to tell moves to another") {
    Waiting it;
    it.held(2);
    it.pass_to_deadline();
    CHECK(it.tries());
    it.held(2);
    CHECK(it.listens(Subscribed::Queued) == Nodes{kHome + 1});
  }

  TEST_CASE("when the nodes that answer are no quorum any more it tries, which tells for certain") {
    Waiting it;
    it.waits_at(0);
    for (const bool last : {false, false, true}) {
      it.pass_to_deadline();
      const auto node = it.asks(Probe::Holder);
      REQUIRE(node);
      it.waiter.on_probe_failed(it.now, *node);
      if (last) {
        CHECK(it.tries());
      } else {
        it.state_is("them");
      }
    }
  }

  TEST_CASE("nodes that do not answer are neither listened to nor asked, until they do") {
    Waiting it;
    NodeVotes votes(kNodes);
    for (const NodeIndex node : {0, 2, 4}) votes[node].answer = refusal(0);
    for (const NodeIndex node : {1, 3}) votes[node].answer = Failure{.detail = "timed out"};
    it.held(0, votes);
    CHECK(it.listens(Subscribed::Next) == Nodes{0, 2, 4});
    it.waiter.on_answer(3);
    CHECK(it.listens(Subscribed::Next) == Nodes{0, 2, 3, 4});
  }
}

// ---- Several names

TEST_CASE(
    "the first in the queues of several names tries each second, to keep others away; no other waiter does") {
  Waiting first{true};
  first.waits_at(0);
  first.now += 999ms;
  CHECK(first.sleeps());
  first.now += 1ms;
  CHECK(first.tries());

  Waiting second{true};
  second.waits_at(1);
  second.now += 1s;
  CHECK(second.sleeps());

  Waiting of_one_name;
  of_one_name.waits_at(0);
  of_one_name.now += 1s;
  CHECK(of_one_name.sleeps());
}

TEST_CASE(
    "a waiter for several names listens to the keys wherever it stands: a call is about one queue of "
    "several") {
  Waiting world{true};
  world.held(5);
  for (NodeIndex node = 0; node < kNodes; ++node) CHECK(world.waiter.wants(node) == Subscribed::Next);
  world.subscribed();
  world.granted(0, {0, 1, 2, 3, 4});
  REQUIRE(world.waiter.position());
  CHECK(world.waiter.position()->ahead == 5);
}

TEST_CASE(
    "a waiter for a slot looks whether another one is free when one has been granted to the waiter before "
    "it") {
  Waiting it{false, true};
  it.waits_at(1);
  it.granted(0, {kHome});
  it.state_is(std::nullopt, at(0));
  CHECK(it.tries());
}

TEST_CASE("a waiter for a slot tries when the first of the slots falls free, not the last") {
  Waiting it{false, true};
  NodeVotes votes(kNodes);
  for (NodeVote& vote : votes) {
    vote.answer = refusal(0, 30s);
    vote.slots = {refusal(0, 30s), refusal(0, 5s)};
  }
  it.held(0, votes);
  CHECK(it.waiter.expires() == it.now + 5s);
}

TEST_CASE("a waiter for a slot is not passed over by those that have other slots") {
  Waiting it{false, true};
  it.waits_at(0);
  for (const std::string holder : {"another", "a third"}) {
    it.changed({0, 1, 2});
    REQUIRE(it.tries());
    it.held_by = holder;
    it.held(0);
  }
  it.changed({0, 1, 2});
  CHECK(!it.tries_and_bars());
}

TEST_CASE("a call for one of several names makes its waiter ask, once, where it stands in all queues") {
  Waiting world{true};
  world.waits_at(5);
  for (const NodeIndex node : {0, 2, 3, 4}) world.waiter.on_granted(world.now, node, 1);
  CHECK(world.sleeps());
  SUBCASE("of a grant") {
    world.waiter.on_granted(world.now, kHome, 1);
  }
  SUBCASE("of one that has given up") {
    world.waiter.on_left(world.now, kHome, 1);
  }
  world.state_is("them", at(3));
  CHECK(world.waiter.position()->ahead == 3);
  CHECK(world.sleeps());
}

TEST_CASE(
    "a waiter for several names that has become the first in all queues tries at once, to keep others away") {
  Waiting world{true};
  world.waits_at(1);
  world.waiter.on_left(world.now, kHome, 0);
  world.state_is("them", at(0));
  CHECK(world.tries());
  world.held(0);
  CHECK(world.sleeps());
  world.waiter.on_left(world.now, kHome, 0);
  world.state_is("them", at(0));
  CHECK(world.sleeps());
  world.waiter.on_left(world.now, kHome, 0);
  world.state_is("another", at(0));  // a vote, or another that has it in spite of us
  CHECK(world.tries());

  Waiting of_one_name;
  of_one_name.waits_at(1);
  of_one_name.waiter.on_left(of_one_name.now, kHome, 0);
  of_one_name.state_is("them", at(0));
  CHECK(of_one_name.sleeps());
}
