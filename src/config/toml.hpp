#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// A TOML document without toml++, whose headers take seconds to compile.
namespace redlock::config {

struct TomlPosition {
  unsigned line = 0;
  unsigned column = 0;
};

struct TomlEntry;

struct TomlNode {
  using Table = std::vector<TomlEntry>;
  using Array = std::vector<TomlNode>;
  struct Other {
    std::string_view type;
  };  // a date or time: no key has one

  std::variant<Other, Table, Array, std::string, std::int64_t, double, bool> value;
  TomlPosition at;
};

struct TomlEntry {
  std::string key;
  TomlPosition at;  // of the key
  TomlNode node;
};

struct TomlProblem {
  TomlPosition at;
  std::string text;  // quotes nothing of the document, which may hold passwords
};

// Returns the root table, or what is not valid TOML 1.0.
std::variant<TomlNode, TomlProblem> parse_toml(std::string_view text);

// "a string", as a person calls it.
std::string_view type_name(const TomlNode& node);

}  // namespace redlock::config
