#include "base/text.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace redlock {
namespace {

// The length of the valid, printable UTF-8 sequence at the start of `text`; 0 when there is none.
std::size_t printable_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f && lead != '\\' ? 1 : 0;
  std::size_t length = 0;
  std::uint32_t code = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
    code = lead & 0x1fU;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    code = lead & 0x0fU;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    code = lead & 0x07U;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
    code = (code << 6U) | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  const bool c1_control = code < 0xa0;
  // Line and paragraph separators, and the marks that reorder text: U+2028-202E, U+2066-2069, U+200E-200F.
  const bool deceptive = (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
                         code == 0x200e || code == 0x200f;
  return overlong || surrogate || c1_control || deceptive || code > 0x10ffff ? 0 : length;
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
  const bool cut = text.size() > max_bytes;
  if (cut) text = beginning_of(text, max_bytes);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (const std::size_t length = printable_sequence(text); length != 0) {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
      continue;
    }
    switch (const char c = text.front()) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\\': out += "\\\\"; break;
      default: out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    text.remove_prefix(1);
  }
  if (cut) out += "...";
  return out;
}

std::string_view beginning_of(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80;
  };
  constexpr std::size_t longest_rest = 3;
  std::size_t end = max_bytes;
  while (end > 0 && max_bytes - end < longest_rest && continues(end)) --end;
  return text.substr(0, end);
}

std::string Quoted::operator()(std::string_view text, std::size_t max_bytes) const {
  return "'" + printable(text, max_bytes) + "'";
}

}  // namespace redlock
