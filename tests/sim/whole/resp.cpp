#include "whole/resp.hpp"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

namespace redlock::sim {

// The number in "*3\r\n", whose first byte is at `at`; moves `at` behind it. Nothing when the line is not whole.
std::optional<std::size_t> CommandReader::number_behind(char type, std::size_t& at) const {
  if (at >= buffer_.size()) return std::nullopt;
  if (buffer_[at] != type) {
    throw ProtocolError{fmt::format("'{}' instead of '{}' at byte {}", buffer_[at], type, before_ + at)};
  }
  const std::size_t end = buffer_.find("\r\n", at);
  if (end == std::string::npos) return std::nullopt;
  std::size_t number = 0;
  const auto [rest, error] = std::from_chars(buffer_.data() + at + 1, buffer_.data() + end, number);
  if (error != std::errc{} || rest != buffer_.data() + end) throw ProtocolError{"no number behind its type"};
  at = end + 2;
  return number;
}

std::optional<CommandReader::Cut> CommandReader::next() {
  std::size_t at = taken_;
  const auto count = number_behind('*', at);
  if (!count) return std::nullopt;
  Cut cut{.words = {}, .first = before_ + taken_, .end = 0};
  cut.words.reserve(*count);
  for (std::size_t i = 0; i < *count; ++i) {
    const auto length = number_behind('$', at);
    if (!length || buffer_.size() < at + *length + 2) return std::nullopt;
    if (buffer_.compare(at + *length, 2, "\r\n") != 0) throw ProtocolError{"a string without its end"};
    cut.words.emplace_back(buffer_, at, *length);
    at += *length + 2;
  }
  taken_ = at;
  cut.end = before_ + taken_;
  if (taken_ == buffer_.size()) {
    buffer_.clear();
    before_ += taken_;
    taken_ = 0;
  }
  return cut;
}

void append_nil(std::string& out) {
  out += "$-1\r\n";
}
void append_status(std::string& out, std::string_view text) {
  fmt::format_to(std::back_inserter(out), "+{}\r\n", text);
}
void append_error(std::string& out, std::string_view text) {
  fmt::format_to(std::back_inserter(out), "-{}\r\n", text);
}
void append_integer(std::string& out, long long value) {
  fmt::format_to(std::back_inserter(out), ":{}\r\n", value);
}
void append_bulk(std::string& out, std::string_view text) {
  fmt::format_to(std::back_inserter(out), "${}\r\n", text.size());
  out += text;
  out += "\r\n";
}
void append_array(std::string& out, std::size_t elements) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", elements);
}

}  // namespace redlock::sim
