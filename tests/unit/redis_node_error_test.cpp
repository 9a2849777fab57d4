#include "redis/node_error.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <string>

using namespace redlock;
using namespace redlock::redis;
using Kind = redlock::redis::NodeError;

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("redis classify") {
  TEST_CASE("each error reply has its kind") {
    const struct {
      std::string_view error;
      Kind kind;
    } cases[] = {
        {"NOAUTH Authentication required.", Kind::AuthRequired},
        {"WRONGPASS invalid username-password pair or user is disabled.", Kind::AuthFailed},
        {"ERR AUTH <password> called without any password configured for the default user.",
         Kind::AuthFailed},
        {"NOPERM this user has no permissions to run the 'eval' command", Kind::NotPermitted},
        // Redis 6.0 and 6.2, 7.0, and from 7.2 on
        {"NOPERM this user has no permissions to access one of the keys used as arguments",
         Kind::KeysNotPermitted},
        {"NOPERM this user has no permissions to access one of the channels used as arguments",
         Kind::NotPermitted},
        {"ERR The user executing the script can't run this command or subcommand script: 85, on "
         "@user_script:1.",
         Kind::NotPermitted},
        {"ERR Error running script (call to f_1): @user_script:1: @user_script: 1: The user executing the "
         "script can't run this command or subcommand",
         Kind::NotPermitted},
        {"ERR Error running script (call to f_1): @user_script:1: @user_script: 1: The user executing the "
         "script can't access at least one of the keys mentioned in the command arguments",
         Kind::KeysNotPermitted},
        {"@user_script: 1: The user executing the script can't run this command or subcommand",
         Kind::NotPermitted},
        {"ERR ACL failure in script: User a has no permissions to run the 'set' command script: 85, on "
         "@user_script:1.",
         Kind::NotPermitted},
        {"ERR ACL failure in script: No permissions to access a key script: on @user_script:1.",
         Kind::KeysNotPermitted},
        {"NOPERM No permissions to access a key", Kind::KeysNotPermitted},
        {"ERR invalid password", Kind::AuthFailed},                          // Redis 5
        {"ERR Client sent AUTH, but no password is set", Kind::AuthFailed},  // Redis 5
        {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Kind::ReadOnly},
        {"READONLY You can't write against a read only replica. script: 85, on @user_script:1.",
         Kind::ReadOnly},
        {"OOM command not allowed when used memory > 'maxmemory'. script: 85, on @user_script:1.",
         Kind::OutOfMemory},
        {"MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist",
         Kind::PersistenceBroken},
        {"LOADING Valkey is loading the dataset in memory", Kind::Loading},
        {"BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
         Kind::Busy},
        {"DENIED Valkey is running in protected mode because protected mode is enabled", Kind::ProtectedMode},
        {"ASK 3999 127.0.0.1:6381", Kind::ClusterMode},
        {"TRYAGAIN Multiple keys request during rehashing of slot", Kind::ClusterMode},
        {"ERR SELECT is not allowed in cluster mode", Kind::ClusterMode},
        {"ERR invalid DB index", Kind::NoSuchDatabase},
        {"READONLY You can't write against a read only replica.", Kind::ReadOnly},
        {"LOADING Redis is loading the dataset in memory", Kind::Loading},
        {"OOM command not allowed when used memory > 'maxmemory'.", Kind::OutOfMemory},
        {"MISCONF Redis is configured to save RDB snapshots", Kind::PersistenceBroken},
        {"BUSY Redis is busy running a script.", Kind::Busy},
        {"MOVED 3999 127.0.0.1:6381", Kind::ClusterMode},
        {"CLUSTERDOWN Hash slot not served", Kind::ClusterMode},
        {"CROSSSLOT Keys in request don't hash to the same slot", Kind::ClusterMode},
        {"NOREPLICAS Not enough good replicas to write.", Kind::NoReplicas},
        {"DENIED Redis is running in protected mode", Kind::ProtectedMode},
        {"ERR max number of clients reached", Kind::TooManyClients},
        {"ERR DB index is out of range", Kind::NoSuchDatabase},
        {"WRONGTYPE Operation against a key holding the wrong kind of value", Kind::WrongType},
        {"BUSYKEY Target key name already exists.", Kind::OtherError},
        {"", Kind::OtherError},
    };
    for (const auto& each : cases) {
      CAPTURE(each.error);
      CHECK(classify(each.error).kind == each.kind);
    }
  }

  TEST_CASE("an error that Redis 6 wraps in the words of its script engine is found") {
    const auto failure = classify(
        "ERR Error running script (call to f_6b1bf486c81ceb7edf3c093f4c48582e38c0e791): @user_script:3: "
        "@user_script: 3: -READONLY You can't write against a read only replica.");
    CHECK(failure.kind == Kind::ReadOnly);
    CHECK(classify("ERR Error running script (call to f_1): @user_script:1: OOM command not allowed").kind ==
          Kind::OutOfMemory);
    CHECK(classify("ERR Error running script (call to f_1): @user_script:1: attempt to").kind ==
          Kind::OtherError);
    CHECK(classify("ERR Error running script (call to f_1): @user_script:3: -NOPERM The user executing the "
                   "script can't run this command or subcommand")
              .kind == Kind::NotPermitted);
    CHECK(classify("ERR Error running script (call to f_1): @user_script:3: -MISCONF Redis is configured to "
                   "save RDB snapshots")
              .kind == Kind::PersistenceBroken);
    CHECK(classify(
              "ERR Error running script (call to f_1): @user_script:3: -NOREPLICAS Not enough good replicas")
              .kind == Kind::NoReplicas);
  }

  TEST_CASE("a command that an ACL forbids is named as every server names it") {
    for (const char* error :
         {"NOPERM this user has no permissions to run the 'hset' command or its subcommand",
          "NOPERM User u has no permissions to run the 'hset' command",
          "ERR ACL failure in script: User u has no permissions to run the 'hset' command "
          "script: e6a86ad1a924540477c9472c2190eee2a2a70445, on @user_script:1.",
          "ERR ACL failure in script: User u has no permissions to run the 'hset' command"}) {
      CAPTURE(error);
      CHECK(classify(error).detail == "NOPERM for hset");
    }
    CHECK(classify("NOPERM No permissions to access a key").detail ==
          "NOPERM No permissions to access a key");
    CHECK(classify("NOPERM no permissions to run the '").detail == "NOPERM no permissions to run the '");
    CHECK(classify("NOPERM no permissions to run the '\x1b").detail == "NOPERM for \\x1b");
  }

  TEST_CASE("a command that a server does not know is named, and nothing of its arguments") {
    for (const char* error : {"ERR unknown command 'EVAL', with args beginning with: 'local call' ",
                              "ERR unknown command `EVAL`, with args beginning with: `local call`, ",
                              "ERR unknown command 'EVAL'"}) {
      CAPTURE(error);
      CHECK(classify(error).kind == Kind::UnknownCommand);
      CHECK(classify(error).detail == "EVAL");
    }
    for (const char* error :
         {"ERR unknown command", "ERR unknown command ",
          "ERR Unknown Redis command called from script script: 1c655e, on @user_script:8.",
          "ERR Unknown command called from script script: 1c655e, on @user_script:8.",
          "ERR Unknown Redict command called from script script: 1c655e, on @user_script:8.",
          "ERR Error running script (call to f_1c): @user_script:8: @user_script: 8: Unknown Redis command "
          "called from Lua script"}) {
      CAPTURE(error);
      CHECK(classify(error).kind == Kind::UnknownCommand);
      CHECK(classify(error).detail.empty());
    }
  }

  TEST_CASE("what a server says is escaped and cut before it is shown") {
    const auto failure = classify("ERR \x1b[31mred\r\n" + std::string(5000, 'x'));
    CHECK(contains(failure.detail, "ERR \\x1b[31mred\\r\\nxx"));
    CHECK(failure.detail.size() < 400);
  }

  TEST_CASE("what a failure says about the request, the connection and the node") {
    const auto is_one_of = [](Kind kind, std::initializer_list<Kind> kinds) {
      return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
    };
    using enum redlock::redis::NodeError;
    for (int i = 0; i <= static_cast<int>(OtherError); ++i) {
      CAPTURE(i);
      const auto kind = static_cast<Kind>(i);
      const auto failure = node_failure(kind);
      const bool no_connection = is_one_of(kind, {Unresolved, Refused, Unreachable, TlsFailed});
      CHECK(failure.may_have_arrived == !(no_connection || kind == Cancelled));
      CHECK(failure.connection_gone == (no_connection || kind == Disconnected));
      CHECK(failure.passes == is_one_of(kind, {Loading, Busy, TooManyClients}));
      CHECK(is_answer(failure) == !(failure.connection_gone || is_one_of(kind, {TimedOut, Cancelled})));
      CHECK(is_about_command(failure) ==
            is_one_of(kind, {KeysNotPermitted, NotPermitted, UnknownCommand, WrongType, BadCounter, ReadOnly,
                             OutOfMemory, PersistenceBroken, ClusterMode, NoReplicas, OtherError}));
    }
    CHECK(redlock::quorum::Failure{}.kind == NotCounted);  // as quorum/ makes them
  }

  TEST_CASE("every kind of failure has words for a person") {
    NodeEndpoint endpoint;
    endpoint.host = "db.example";
    endpoint.db = 99;
    for (int kind = 0; kind <= static_cast<int>(Kind::OtherError); ++kind) {
      CAPTURE(kind);
      const std::string bare = describe(node_failure(static_cast<Kind>(kind), ""), endpoint);
      const std::string detailed = describe(node_failure(static_cast<Kind>(kind), "{0} why"), endpoint);
      CHECK(bare.size() > 5);
      CHECK(detailed.size() > 5);
      CHECK(!contains(bare, "{"));
    }
    CHECK(describe(node_failure(Kind::Refused, ""), endpoint) ==
          "connection refused: is redis-server running there?");
    CHECK(contains(describe(node_failure(Kind::Unresolved, "unknown"), endpoint), "'db.example'"));
    CHECK(contains(describe(node_failure(Kind::NoSuchDatabase, "x"), endpoint), "no database 99"));
    CHECK(contains(describe(node_failure(Kind::TimedOut, "connecting"), endpoint), "connecting"));
    CHECK(contains(describe(node_failure(Kind::NotPermitted, "NOPERM for HSET"), endpoint),
                   "its ACL forbids this user what a lock needs (NOPERM for HSET)"));
    CHECK(contains(describe(node_failure(Kind::KeysNotPermitted), endpoint), "~KEY ~redlock.*:KEY"));
    const std::string keys[] = {"a", "b\n"};
    CHECK(contains(describe(node_failure(Kind::KeysNotPermitted), endpoint, keys),
                   "~a ~b\\n ~redlock.*:a ~redlock.*:b\\n"));
    endpoint.username = "carol";
    CHECK(contains(describe(node_failure(Kind::NotPermitted, ""), endpoint), "forbids user 'carol' what"));
  }

  TEST_CASE("a server that does not accept us, or not now, is told with what to do") {
    const struct {
      Kind kind;
      std::string_view what_to_do;
    } cases[] = {
        {Kind::Refused, "is redis-server running there?"},
        {Kind::AuthRequired, "set it in the URL, password_file or password_env"},
        {Kind::NotPermitted, "see redlock(1)"},
        {Kind::ReadOnly, "name its master instead"},
        {Kind::Loading, "can vote when that is done"},
        {Kind::OutOfMemory, "see its maxmemory"},
        {Kind::PersistenceBroken, "see its log"},
        {Kind::Busy, "see SCRIPT KILL"},
        {Kind::ClusterMode, "needs independent servers"},
        {Kind::TooManyClients, "see its maxclients"},
        {Kind::ProtectedMode, "give it a password, or set its bind"},
        {Kind::NoReplicas, "see its min-replicas-to-write"},
        {Kind::NoSuchDatabase, "see its setting databases"},
    };
    for (const auto& each : cases) {
      CAPTURE(each.what_to_do);
      CHECK(contains(describe(node_failure(each.kind, ""), {}), each.what_to_do));
      CHECK(contains(describe(node_failure(each.kind, "why"), {}), each.what_to_do));
    }
  }

  TEST_CASE("an endpoint is shown as its URL without user and password") {
    NodeEndpoint endpoint;
    endpoint.host = "10.0.0.1";
    endpoint.db = 3;
    endpoint.username = "someone";
    endpoint.password = Secret{"hunter2"};
    CHECK(endpoint.display() == "redis://10.0.0.1:6379/3");
    endpoint.transport = NodeEndpoint::Transport::Tls;
    endpoint.host = "::1";
    CHECK(endpoint.display() == "rediss://[::1]:6379/3");
    endpoint.transport = NodeEndpoint::Transport::Unix;
    endpoint.path = "/run/r\n.sock";
    CHECK(endpoint.display() == "unix:///run/r\\n.sock?db=3");
    endpoint.db = 0;
    CHECK(endpoint.display() == "unix:///run/r\\n.sock");
  }
}
