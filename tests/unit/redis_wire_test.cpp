#include "redis/wire.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace redlock::redis;

namespace {

// Feeds everything at once, then takes one reply.
ReplyReader::Next first_of(std::string_view bytes) {
  ReplyReader reader;
  reader.feed(bytes);
  return reader.next();
}

std::string why(const ReplyReader::Next& next) {
  const auto* malformed = std::get_if<ReplyReader::Malformed>(&next);
  return malformed != nullptr ? malformed->why : "";
}

bool more(const ReplyReader::Next& next) {
  return std::holds_alternative<ReplyReader::NeedMore>(next);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("redis wire") {
  TEST_CASE("a command is formatted with its lengths, whatever bytes are in it") {
    const std::array<std::string_view, 3> words{"SET", std::string_view{"a\0b\r\n", 5}, ""};
    CHECK(format_command(words).reveal() ==
          std::string_view{"*3\r\n$3\r\nSET\r\n$5\r\na\0b\r\n\r\n$0\r\n\r\n", 30});
  }

  TEST_CASE("each type of reply is read") {
    CHECK(std::get<Value>(first_of("+OK\r\n")).text == "OK");
    CHECK(std::get<Value>(first_of("-ERR no\r\n")).type == Value::Type::Error);
    CHECK(std::get<Value>(first_of(":-42\r\n")).integer == -42);
    CHECK(std::get<Value>(first_of("$-1\r\n")).type == Value::Type::Nil);
    CHECK(std::get<Value>(first_of("$3\r\na\r\n\r\n")).text == "a\r\n");
    const Value array = std::get<Value>(first_of("*3\r\n:1\r\n*1\r\n$1\r\nx\r\n$-1\r\n"));
    REQUIRE(array.elements.size() == 3);
    CHECK(array.elements[0].integer == 1);
    CHECK(array.elements[1].elements.at(0).text == "x");
    CHECK(array.elements[2].type == Value::Type::Nil);
  }

  TEST_CASE("a reply that comes byte by byte is the same as one that comes at once") {
    const std::string_view bytes = "*2\r\n$5\r\nhello\r\n*2\r\n:12\r\n+fine\r\n:7\r\n";
    ReplyReader reader;
    std::vector<Value> values;
    for (const char& byte : bytes) {
      reader.feed({&byte, 1});
      for (auto next = reader.next(); !more(next); next = reader.next()) {
        values.push_back(std::get<Value>(std::move(next)));
      }
    }
    REQUIRE(values.size() == 2);
    CHECK(values[0].elements.at(0).text == "hello");
    CHECK(values[0].elements.at(1).elements.at(1).text == "fine");
    CHECK(values[1].integer == 7);
  }

  TEST_CASE("a huge bulk string is refused by its header") {
    CHECK(contains(why(first_of("$536870912\r\n")), "announces an answer of 536870912 bytes"));
    CHECK(contains(why(first_of("*2\r\n:1\r\n$" + std::to_string(kMaxReplyBytes + 1) + "\r\nabc")),
                   "announces"));
    CHECK(more(first_of("$" + std::to_string(kMaxReplyBytes) + "\r\nabc")));
  }

  TEST_CASE("a huge array is refused by its header") {
    CHECK(contains(why(first_of("*2147483647\r\n")), "larger than any"));
    CHECK(contains(why(first_of("*" + std::to_string(kMaxReplyValues + 1) + "\r\n")), "larger than any"));
    CHECK(more(first_of("*100\r\n")));
    CHECK(!why(first_of("*99999999999999999999\r\n")).empty());
  }

  TEST_CASE("many values in nested arrays are refused together") {
    std::string bytes = "*100\r\n";
    for (int i = 0; i < 100; ++i) {
      bytes += "*100\r\n";
      for (int j = 0; j < 100; ++j) bytes += ":1\r\n";
    }
    CHECK(contains(why(first_of(bytes)), "larger than any"));
  }

  TEST_CASE("many strings that are each within the limit are refused together") {
    std::string bytes = "*3\r\n";
    for (int i = 0; i < 3; ++i) bytes += "$130000\r\n" + std::string(130000, 'x') + "\r\n";
    CHECK(contains(why(first_of(bytes)), "larger than any"));
  }

  TEST_CASE("a lower limit holds from the next reply on") {
    ReplyReader reader;
    reader.feed("$2000\r\n" + std::string(2000, 'x') + "\r\n*2\r\n");
    CHECK(std::holds_alternative<Value>(reader.next()));
    reader.limit(1000);
    CHECK(more(reader.next()));
    reader.feed("$600\r\n" + std::string(600, 'x') + "\r\n");
    CHECK(more(reader.next()));
    reader.feed("$600\r\n" + std::string(600, 'x') + "\r\n");
    CHECK(contains(why(reader.next()), "larger than any"));

    ReplyReader other;
    other.limit(1000);
    other.feed("$1001\r\n");
    CHECK(contains(why(other.next()), "announces"));
  }

  TEST_CASE("the limits hold for each reply, not for all on a connection") {
    ReplyReader reader;
    for (int i = 0; i < 4; ++i) {
      reader.feed("$200000\r\n" + std::string(200000, 'x') + "\r\n");
      CHECK(std::holds_alternative<Value>(reader.next()));
    }
  }

  TEST_CASE("a line without an end is refused") {
    CHECK(contains(why(first_of("+" + std::string(kMaxReplyLine + 1, 'x'))), "no end"));
    CHECK(more(first_of("+" + std::string(1000, 'x'))));
  }

  TEST_CASE("arrays are nested to a depth, and no deeper") {
    std::string nested = ":1\r\n";
    for (int i = 0; i < kMaxReplyDepth; ++i) nested.insert(0, "*1\r\n");
    CHECK(std::holds_alternative<Value>(first_of(nested)));
    CHECK(contains(why(first_of("*1\r\n" + nested)), "does not speak the Redis protocol: it nests arrays"));
    std::string bytes;
    for (int i = 0; i < 100; ++i) bytes += "*1\r\n";
    CHECK(contains(why(first_of(bytes)), "it nests arrays"));
  }

  TEST_CASE("the types of RESP3 are refused, also inside of an array") {
    for (const std::string_view value : {",1.5\r\n", "#t\r\n", "_\r\n", "(12\r\n", "=5\r\ntxt:a\r\n",
                                         "%1\r\n:1\r\n:2\r\n", "~1\r\n:1\r\n", ">1\r\n:1\r\n"}) {
      CAPTURE(value);
      CHECK(contains(why(first_of("*1\r\n" + std::string{value})), "does not speak the Redis protocol"));
      ReplyReader second;
      second.feed(":1\r\n" + std::string{value});
      CHECK(std::holds_alternative<Value>(second.next()));
      CHECK(contains(why(second.next()), "does not speak the Redis protocol"));
    }
  }

  TEST_CASE("what is not the Redis protocol is named") {
    CHECK(contains(why(first_of("HTTP/1.1 400 Bad Request\r\n")), "HTTP"));
    CHECK(contains(why(first_of("<!DOCTYPE HTML>\n<html>")), "HTTP"));
    CHECK(contains(why(first_of("\x15\x03\x01\x00\x02\x02\x46")), "rediss://"));
    CHECK(contains(why(first_of("SSH-2.0-OpenSSH_9.2\r\n")), "SSH"));
    CHECK(contains(why(first_of("\x1b[2Jhello")), "'\\x1b[2Jhello'"));
    CHECK(!why(first_of(">3\r\n+message\r\n")).empty());
    CHECK(!why(first_of("$-5\r\n")).empty());
    CHECK(!why(first_of(":12x\r\n")).empty());
  }

  TEST_CASE("a foreign protocol is named though its first bytes come one by one") {
    ReplyReader reader;
    reader.feed("H");
    CHECK(more(reader.next()));
    reader.feed("TTP");
    CHECK(more(reader.next()));
    reader.feed("/1.1 200 OK\r\n");
    CHECK(contains(why(reader.next()), "HTTP"));
  }
}
