#include "whole/reply_text.hpp"

#include <charconv>

namespace redlock::sim {
namespace {

bool take_element(std::string_view& bytes, Elements& into) {
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return false;
  const char type = bytes.front();
  const std::string_view line = bytes.substr(1, end - 1);
  long long length = 0;
  std::from_chars(line.data(), line.data() + line.size(), length);
  bytes.remove_prefix(end + 2);
  if (type == '$' && length >= 0) {
    const auto size = static_cast<std::size_t>(length);
    if (bytes.size() < size + 2) return false;
    into.push_back({type, std::string{bytes.substr(0, size)}});
    bytes.remove_prefix(size + 2);
    return true;
  }
  into.push_back({type, std::string{line}});
  if (type != '*') return true;
  for (long long i = 0; i < length; ++i) {
    if (!take_element(bytes, into)) return false;
  }
  return true;
}

}  // namespace

Elements take_reply(std::string_view& bytes) {
  Elements elements;
  std::string_view rest = bytes;
  if (!take_element(rest, elements)) return {};
  bytes = rest;
  return elements;
}

}  // namespace redlock::sim
