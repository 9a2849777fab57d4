#include "base/secret.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

using redlock::Secret;

template <typename T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST_CASE("a secret cannot slip into a message") {
  CHECK_FALSE(std::is_convertible_v<Secret, std::string>);
  CHECK_FALSE(std::is_convertible_v<Secret, std::string_view>);
  CHECK_FALSE(fmt::is_formattable<Secret>::value);
  CHECK_FALSE(Streamable<Secret>);
}

TEST_CASE("a secret gives back what it was given") {
  CHECK(Secret{}.empty());
  const Secret secret{"hunter2"};
  CHECK_FALSE(secret.empty());
  CHECK(secret.reveal() == "hunter2");
}

// NOLINTBEGIN(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the promise under test
TEST_CASE("a secret that was moved from is empty, short or long") {
  for (const std::string& value : {std::string{"hunter2"}, std::string(200, 'x')}) {
    Secret first{std::string{value}};
    Secret second{std::move(first)};
    CHECK(first.reveal().empty());
    CHECK(second.reveal() == value);
    Secret third{"something else"};
    third = std::move(second);
    CHECK(second.reveal().empty());
    CHECK(third.reveal() == value);
  }
}

// A short string stands in the object itself, where a copy is left after a move.
TEST_CASE("no byte of a short secret stays where it was moved from, or where its text came from") {
  const auto holds = [](const auto& object, std::string_view part) {
    const auto* bytes = reinterpret_cast<const char*>(&object);
    return std::string_view{bytes, sizeof object}.find(part) != std::string_view::npos;
  };
  std::string text{"hunter2"};
  Secret first{std::move(text)};
  CHECK(holds(first, "unter"));
  CHECK_FALSE(holds(text, "unter"));
  Secret second{std::move(first)};
  CHECK_FALSE(holds(first, "unter"));
  first = std::move(second);
  CHECK_FALSE(holds(second, "unter"));
}
// NOLINTEND(bugprone-use-after-move,clang-analyzer-cplusplus.Move)

TEST_CASE("a secret survives an assignment to itself") {
  Secret secret{"hunter2"};
  const Secret& same = secret;
  secret = same;
  CHECK(secret.reveal() == "hunter2");
}
