#include "cli/args/option_value.hpp"

#include "base/text.hpp"
#include "process/signal_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::cli {

std::optional<std::string> read_word(const OptionRow& row, const std::string& text, std::size_t& index) {
  std::vector<std::string> quoted_words;
  index = 0;
  for (std::string_view words = row.details.values; !words.empty(); ++index) {
    const std::string_view word = words.substr(0, words.find(' '));
    if (text == word) return std::nullopt;
    quoted_words.push_back(fmt::format("'{}'", word));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
  }
  const std::string last = quoted_words.back();
  quoted_words.pop_back();
  return fmt::format("must be {} or {}", fmt::join(quoted_words, ", "), last);
}

std::optional<std::string> read_option_value(const OptionRow& row, const std::string& text, unsigned& value) {
  const auto [least, most] = std::pair{row.details.least, row.details.most};
  const auto number = parse_number<unsigned>(text);
  if (!number || *number < least || *number > most) {
    return least == 0 ? fmt::format("must be a number up to {}", most)
                      : fmt::format("must be a number from {} to {}", least, most);
  }
  value = *number;
  return std::nullopt;
}

std::optional<std::string> read_option_value(const OptionRow&, const std::string& text, pid_t& value) {
  const auto number = parse_number<pid_t>(text);
  if (!number || *number <= 0) return "must be the number of a process";
  value = *number;
  return std::nullopt;
}

std::optional<std::string> read_option_value(const OptionRow&, const std::string& text, Signal& value) {
  const auto signal = process::parse_signal(text);
  if (!signal) return "must be the name or number of a signal, such as TERM";
  value.number = *signal;
  return std::nullopt;
}

}  // namespace redlock::cli
