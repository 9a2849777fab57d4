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
  using Entries = std::vector<TomlEntry>;  // of a table
  using Elements = std::vector<TomlNode>;  // of an array
  struct Other {                           // a date or time: no key has one
    std::string_view type;
  };

  std::variant<Other, Entries, Elements, std::string, std::int64_t, double, bool> value;
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

// Returns the root table, or why the text is not valid TOML 1.0.
std::variant<TomlNode, TomlProblem> parse_toml(std::string_view text);

// The type in words: "a string".
std::string_view type_name(const TomlNode& node);

}  // namespace redlock::config
