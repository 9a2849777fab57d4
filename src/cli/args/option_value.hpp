#pragma once

#include "cli/args/options.hpp"
#include "config/keys.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>

namespace redlock::cli {

// Each reads `text` as the value of the row's option, and returns the problem, if any.

// A number within the bounds of the row.
std::optional<std::string> read_option_value(const OptionRow& row, const std::string& text, unsigned& value);
std::optional<std::string> read_option_value(const OptionRow&, const std::string& text, pid_t& value);
std::optional<std::string> read_option_value(const OptionRow&, const std::string& text, Signal& value);

// As in a configuration file.
template <typename Value>
std::optional<std::string> read_option_value(const OptionRow&, const std::string& text, Value& value) {
  return config::read_value(text, value);
}

// `index` becomes that of `text` among the words of the row.
std::optional<std::string> read_word(const OptionRow& row, const std::string& text, std::size_t& index);

// Enumerators have the order of the words of the row.
template <typename Enum>
requires std::is_enum_v<Enum> std::optional<std::string> read_option_value(const OptionRow& row,
                                                                           const std::string& text,
                                                                           Enum& value) {
  std::size_t index = 0;
  if (auto problem = read_word(row, text, index)) return problem;
  value = static_cast<Enum>(index);
  return std::nullopt;
}

}  // namespace redlock::cli
