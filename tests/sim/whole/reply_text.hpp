#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace redlock::sim {

// One element of a reply in the Redis protocol: its type byte and what stands behind it. An array is its length and then
// its elements.
struct Element {
  char type;
  std::string text;
  bool operator==(const Element&) const = default;
};
using Elements = std::vector<Element>;

// Takes the first whole reply off `bytes`; empty when there is none.
Elements take_reply(std::string_view& bytes);

}  // namespace redlock::sim
