#include "fence/fence_line.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace redlock::fence;

TEST_CASE("a fence is a whole number from 1 to 2^53 - 1, and nothing else") {
  CHECK(parse_fence("1") == 1);
  CHECK(parse_fence("0042") == 42);
  CHECK(parse_fence("9007199254740991") == 9007199254740991);
  for (const char* const wrong : {"", "0", "-1", "+1", " 1", "1 ", "1\n", "1.0", "1e3", "0x1", "one",
                                  "9007199254740992", "18446744073709551617", "99999999999999999999999999"}) {
    CAPTURE(wrong);
    CHECK(parse_fence(wrong) == std::nullopt);
  }
  CHECK(parse_fence(std::string{"1\0", 2}) == std::nullopt);
}

TEST_CASE("every fence makes a line of the same width, which is read back") {
  for (const Fence fence : {Fence{1}, Fence{42}, Fence{1'795'968'000'000'001}, redlock::quorum::kMaxFence}) {
    CHECK(fence_line(fence).size() == kLineBytes);
    CHECK(parse_content(fence_line(fence)) == fence);
  }
  CHECK(fence_line(42) == "              42\n");
}

TEST_CASE("a file that is blank has seen no fence, and a line by hand is good") {
  CHECK(parse_content("") == 0);
  CHECK(parse_content("\n") == 0);
  CHECK(parse_content("                \n") == 0);
  CHECK(parse_content("0\n") == 0);
  CHECK(parse_content("5") == 5);
  CHECK(parse_content("5\n") == 5);
  CHECK(parse_content("0000000000000005\n") == 5);
}

TEST_CASE("whatever else a file holds is no fence") {
  for (const char* const wrong : {"x", "5 6", "5\n6\n", "-5\n", "5\r\n", "\t5\n", "5x\n",
                                  "9007199254740992\n", "0000000000000000005\n", "                  \n"}) {
    CAPTURE(wrong);
    CHECK(parse_content(wrong) == std::nullopt);
  }
  CHECK(parse_content(std::string(kLineBytes, '\0')) == std::nullopt);
}

TEST_CASE("a file that a crash leaves while it is padded means what it meant before") {
  for (const std::string before : {"", "5", "5\n", "\n", "  7\n", "9007199254740991"}) {
    CAPTURE(before);
    const std::string padding = padding_of(before);
    CHECK((before + padding).size() == kLineBytes);
    for (std::size_t written = 0; written <= padding.size(); ++written) {
      CHECK(parse_content(before + padding.substr(0, written)) == parse_content(before));
    }
  }
  CHECK(padding_of(fence_line(5)).empty());
}
