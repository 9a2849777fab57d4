#include "base/timestamp.hpp"
#include "cli/messages.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <string>

using namespace redlock;
using namespace std::chrono_literals;

namespace {

// 2026-11-28 03:01:12 UTC
constexpr std::uint64_t kNow = 1'795'834'872'000'000;

// Local time is that of `zone` while this object lives.
class Zone {
 public:
  explicit Zone(const char* zone) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    set(zone);
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() { set(before_.empty() ? nullptr : before_.c_str()); }

 private:
  static void set(const char* zone) {
    zone != nullptr ? setenv("TZ", zone, 1) : unsetenv("TZ");
    tzset();
  }
  std::string before_;
};

quorum::HolderInfo resting() {
  return {.host = "web3",
          .user = "carol",
          .command = "backup",
          .pid = 812,
          .since_us = 5,
          .resting = quorum::Resting{.status = 0, .since = 1min}};
}

}  // namespace

TEST_SUITE("messages") {
  TEST_CASE("local time has a date where the day is another one") {
    const Zone utc{"UTC0"};
    CHECK(format_local_time(kNow, kNow) == "03:01:12");
    CHECK(format_local_time(kNow + 86'400'000'000, kNow) == "2026-11-29 03:01:12");
    CHECK(format_local_time(kNow - 4 * 3'600'000'000, kNow) == "2026-11-27 23:01:12");
    const Zone east{"EAST-2"};
    CHECK(format_local_time(kNow, kNow) == "05:01:12");
  }

  TEST_CASE("of a lock that rests it is told where it ran, how that ended and when it may run again") {
    const Zone utc{"UTC0"};
    CHECK(cli::describe_hold(resting(), 3min + 48s, kNow) ==
          "rests: ran on web3, ended with 0 at 03:00:12, may run again at 03:05:00");
    SUBCASE("no second too early") {
      CHECK(cli::describe_hold(resting(), 3min + 47s + 1ms, kNow).ends_with("again at 03:05:00"));
    }
    SUBCASE("as far as it is known") {
      quorum::HolderInfo info = resting();
      info.host.clear();
      info.resting = quorum::Resting{.status = 143, .since = {}};
      CHECK(cli::describe_hold(info, std::nullopt, kNow) == "rests: ran on another host, ended with 143");
    }
    SUBCASE("with the note, and without control characters") {
      quorum::HolderInfo info = resting();
      info.host = "web\n3";
      info.note = "TICKET-7";
      CHECK(cli::describe_rest(info, std::nullopt, kNow) ==
            "ran on web\\n3, ended with 0 at 03:00:12, note 'TICKET-7'");
    }
  }

  TEST_CASE("that a lock has come to rest is news for who waits") {
    quorum::Held held{.holder = {"a"}, .info = {}, .votes = 3, .free_in = {}, .position = {}};
    const auto before = cli::kind_of_wait(held);
    CHECK(cli::kind_of_wait(held) == before);
    held.info = resting();
    CHECK(cli::kind_of_wait(held) != before);
    CHECK(cli::kind_of_wait(quorum::NoQuorum{}) != before);
  }

  TEST_CASE("of several names it is told that one is lost") {
    const auto first_line = [](const std::vector<std::string>& names, const quorum::Loss& loss) {
      return cli::explain_loss(names, loss, {}, 3).front();
    };
    CHECK(first_line({"a"}, quorum::Broken{}) == "lock 'a' was lost: somebody has broken it");
    CHECK(first_line({"a", "b"}, quorum::Broken{}) ==
          "locks 'a', 'b' were lost: somebody has broken one of them");
    CHECK(first_line({"a", "b"}, quorum::ReleasedByHand{}).ends_with("has released one of them"));
    CHECK(first_line({"a", "b"}, quorum::Taken{}).ends_with("somebody else has one of them"));
    CHECK(first_line({"a", "b"}, quorum::Expired{}).ends_with("has extended them in time: 2 of 3 needed"));
  }
}
