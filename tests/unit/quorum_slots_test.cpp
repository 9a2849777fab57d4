// A lock with slots: which one is tried for, and when it may be said that all are taken.
#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {

using TakenSlots = std::vector<std::pair<Slot, std::string>>;

std::vector<Refused> shown(const TakenSlots& taken) {
  std::vector<Refused> slots;
  for (const auto& [slot, holder] : taken) {
    slots.push_back(refused(holder, 100ms * static_cast<int>(10 - slot)));
    slots.back().name = slot;
    slots.back().info.host = "host of " + holder;
  }
  return slots;
}
Granted granted(const TakenSlots& others = {}) {
  return {.fence = 7, .slots = shown(others)};
}
// Where `slot` was asked for.
Refused refused_slot(Slot slot, const TakenSlots& taken) {
  for (Refused& each : shown(taken)) {
    if (each.name != slot) continue;
    each.name = 0;
    each.slots = shown(taken);
    return each;
  }
  FAIL("it is not taken");
  return {};
}
// The answer to a probe that finds all of them taken.
Refused all_taken(const TakenSlots& taken) {
  std::vector<Refused> slots = shown(taken);
  Refused first = slots.front();
  first.others.assign(slots.begin() + 1, slots.end());
  return first;
}

const std::string kLeast(40, '/');     // less than any token in hex
const std::string kGreatest(40, 'z');  // greater

// Wants one of three slots, the second first.
struct SlotAttempt : Attempt {
  explicit SlotAttempt(std::size_t slots = 3) : Attempt{5, 24, 100ms, kNodeTimeout, TimePoint::max(), slots} {
    start();
    pass(4ms);
  }
  Slot slot() const { return only<AcquireRequest>().slot; }
};

}  // namespace

TEST_CASE("an uncontended slot is won in one round, and all that follows is about that slot") {
  SlotAttempt attempt;
  CHECK(attempt.slot() == 2);
  attempt.answer(0, granted());
  attempt.answer(1, granted({{1, "another"}}));
  attempt.answer(2, Granted{.fence = 5});
  for (const NodeIndex node : {2U})
    CHECK(std::get<ConfirmRequest>(attempt.request<ConfirmRequest>(node)->request).slot == 2);
  attempt.asked[2] = attempt.request<ConfirmRequest>(2)->id;
  attempt.answer(2, Confirmed{true});
  const auto* won = attempt.verdict<Won>();
  REQUIRE(won != nullptr);
  CHECK(won->slot == 2);

  Lease lease{{.ttl = kTtl, .node_timeout = kNodeTimeout, .lead = 100ms},
              attempt.membership,
              *won,
              attempt.ids,
              attempt.entropy};
  attempt.pass(kTtl / 2);
  for (const Send& send : lease.on_time(attempt.now)) CHECK(std::get<ExtendRequest>(send.request).slot == 2);
}

TEST_CASE("clients that begin together do not all try for the first slot") {
  std::vector<Slot> first;
  for (int client = 0; client < 3; ++client) {
    Client other;
    for (int i = 0; i < client; ++i) other.entropy.next();
    first.push_back(SlotChoice{3, other.entropy}.current());
  }
  std::sort(first.begin(), first.end());
  CHECK(first == std::vector<Slot>{1, 2, 3});
}

TEST_CASE("when the slot is another's, one that a quorum shows free is tried at once, with another token") {
  SlotAttempt attempt;
  const Token token = attempt.token;
  const RequestId earlier = attempt.asked[3];
  const TakenSlots taken{{1, "one"}, {2, "two"}};
  attempt.answer(0, refused_slot(2, taken));
  attempt.answer(1, refused_slot(2, taken));
  CHECK(attempt.sent.empty());
  attempt.answer(2, refused_slot(2, taken));
  CHECK(attempt.count<AcquireRequest>() == 5);
  CHECK(attempt.slot() == 3);
  CHECK(attempt.token != token);
  // What may have been granted of the former is released, before the next is asked for.
  CHECK(attempt.count<ReleaseRequest>() == 2);
  CHECK(attempt.only<ReleaseRequest>().slot == 2);
  CHECK(attempt.only<ReleaseRequest>().token == token);
  CHECK(std::holds_alternative<ReleaseRequest>(attempt.sent.front().request));

  SUBCASE("and a late vote for the former slot is none for this one") {
    attempt.pass(4ms);
    attempt.answer(0, granted(taken));
    attempt.answer(1, granted(taken));
    attempt.take(attempt.acquisition.on_reply(attempt.now, 3, earlier, Reply{granted()}));
    CHECK(attempt.undecided());
    attempt.answer(3, granted(taken));
    REQUIRE(attempt.verdict<Won>() != nullptr);
    CHECK(attempt.verdict<Won>()->slot == 3);
  }
}

TEST_CASE("a slot is not taken for free when fewer nodes than a quorum say so") {
  SlotAttempt attempt;
  const TakenSlots all{{1, "one"}, {2, "two"}, {3, "three"}};
  const TakenSlots third_free{{1, "one"}, {2, "two"}};
  attempt.answer(0, refused_slot(2, third_free));
  attempt.answer(1, refused_slot(2, third_free));
  attempt.answer(2, refused_slot(2, all));
  CHECK(attempt.sent.empty());
  CHECK(attempt.undecided());
  SUBCASE("a third one that does is enough") {
    attempt.answer(3, refused_slot(2, third_free));
    CHECK(attempt.slot() == 3);
  }
  SUBCASE("one without a vote does not count") {
    attempt.membership.on_identity(attempt.now, 3, identity("restarted", 0s));
    attempt.answer(3, refused_slot(2, third_free));
    CHECK(attempt.sent.empty());
    CHECK(attempt.undecided());
  }
  SUBCASE("nor are all taken before a quorum shows each of them with one token") {
    attempt.answer(3, refused_slot(2, {{1, "one"}, {2, "two"}, {3, "a fourth"}}));
    CHECK(attempt.undecided());
    attempt.answer(4, refused_slot(2, all));
    CHECK(attempt.undecided());
  }
}

TEST_CASE("all slots are taken when the answers of one round show each with one token on a quorum") {
  SlotAttempt attempt;
  const TakenSlots all{{1, "one"}, {2, "two"}, {3, "three"}};
  attempt.answer(0, refused_slot(2, all));
  attempt.answer(1, refused_slot(2, all));
  CHECK(attempt.undecided());
  attempt.answer(2, refused_slot(2, all));
  const auto* held = attempt.verdict<Held>();
  REQUIRE(held != nullptr);
  REQUIRE(held->slots.size() == 3);
  CHECK(held->slots[0].info.host == "host of one");
  CHECK(held->slots[2].info.host == "host of three");
  // The third ends first.
  CHECK(held->holder.value == "three");
  CHECK(held->free_in == 700ms);
}

TEST_CASE("answers of two rounds are no picture of all slots") {
  SlotAttempt attempt;
  const TakenSlots taken{{1, "one"}, {2, "two"}};
  for (const NodeIndex node : {0U, 1U, 2U}) attempt.answer(node, refused_slot(2, taken));
  CHECK(attempt.slot() == 3);
  // By now the third is another's, and nobody has the first any more.
  attempt.pass(4ms);
  for (const NodeIndex node : {0U, 1U, 2U}) attempt.answer(node, refused_slot(3, {{2, "two"}, {3, "three"}}));
  CHECK(attempt.slot() == 1);
}

TEST_CASE("the strongest contender for a slot keeps its votes, the others try for a free one") {
  const auto divided = [](SlotAttempt& attempt, const std::string& rival) {
    for (const NodeIndex node : {0U, 1U}) attempt.answer(node, granted());
    for (const NodeIndex node : {2U, 3U}) attempt.answer(node, refused_slot(2, {{2, rival}}));
    attempt.answer(4, refused_slot(2, {{2, "a third"}}));
  };
  SlotAttempt attempt;
  const Token token = attempt.token;
  SUBCASE("strongest") {
    divided(attempt, kGreatest);
    CHECK(attempt.sent.empty());
    attempt.wait();
    CHECK(attempt.slot() == 2);
    CHECK(attempt.token == token);
  }
  SUBCASE("another") {
    divided(attempt, kLeast);
    CHECK(attempt.slot() != 2);
    CHECK(attempt.token != token);
    CHECK(attempt.count<ReleaseRequest>() == 2);
  }
}

TEST_CASE(
    "when no slot is free and not all are held, a client probes, and tries for one that has fallen free") {
  SlotAttempt attempt{1};
  for (const NodeIndex node : {0U, 1U}) attempt.answer(node, refused_slot(1, {{1, "one"}}));
  for (const NodeIndex node : {2U, 3U, 4U})
    attempt.answer(node, refused_slot(1, {{1, "rival " + std::to_string(node)}}));
  CHECK(attempt.undecided());
  const TimePoint yielded = attempt.now.boot;
  attempt.wait();
  CHECK(attempt.now.boot - yielded >= 8ms);
  CHECK(attempt.count<ProbeRequest>() == 5);
  CHECK(attempt.only<ProbeRequest>().slots);
  attempt.pass(4ms);
  for (const NodeIndex node : {0U, 1U}) attempt.answer(node, Free{});
  CHECK(attempt.sent.empty());
  attempt.answer(2, Free{});
  CHECK(attempt.count<AcquireRequest>() == 5);
  CHECK(attempt.slot() == 1);
}

TEST_CASE("a probe finds out that all slots are taken") {
  SlotAttempt attempt;
  const TakenSlots all{{1, "one"}, {2, "two"}, {3, "three"}};
  for (const NodeIndex node : {0U, 1U}) attempt.answer(node, refused_slot(2, all));
  for (const NodeIndex node : {2U, 3U, 4U})
    attempt.answer(node, refused_slot(2, {{1, "one"}, {2, "two"}, {3, "rival " + std::to_string(node)}}));
  attempt.wait();
  attempt.pass(4ms);
  for (const NodeIndex node : {0U, 1U, 2U}) attempt.answer(node, all_taken(all));
  REQUIRE(attempt.verdict<Held>() != nullptr);
  CHECK(attempt.verdict<Held>()->slots.size() == 3);
}

TEST_CASE("a client that finds the same again and again gives up after twelve probes") {
  SlotAttempt attempt{1};
  const auto answer_all = [&](const auto& reply) {
    attempt.pass(4ms);
    for (const NodeIndex node : {0U, 1U, 2U, 3U, 4U})
      attempt.answer(node, reply("rival " + std::to_string(node)));
  };
  answer_all([](const std::string& holder) { return refused_slot(1, {{1, holder}}); });
  unsigned probes = 0;
  while (attempt.undecided()) {
    attempt.wait();
    REQUIRE(attempt.count<ProbeRequest>() == 5);
    ++probes;
    answer_all([](const std::string& holder) { return all_taken({{1, holder}}); });
  }
  CHECK(probes == 12);
  CHECK(attempt.verdict<Split>() != nullptr);
}

TEST_CASE("a holder of another slot with a longer TTL raises the quarantine") {
  SlotAttempt attempt;
  Granted answer = granted({{1, "one"}});
  answer.slots[0].holder_ttl = 10 * kTtl;
  attempt.membership.on_identity(attempt.now, 0, identity("server"));
  attempt.answer(0, answer);
  CHECK(attempt.membership.quarantine(attempt.now.boot) == 10 * kTtl);
}
