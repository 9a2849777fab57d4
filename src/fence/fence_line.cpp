#include "fence/fence_line.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

namespace redlock::fence {
namespace {

constexpr std::string_view kBlanks = " \n";

std::optional<Fence> number_in(std::string_view text) noexcept {
  const auto number = parse_number<Fence>(text);
  return number && *number <= quorum::kMaxFence ? number : std::nullopt;
}

}  // namespace

std::optional<Fence> parse_fence(std::string_view text) noexcept {
  const auto fence = number_in(text);
  return fence && *fence > 0 ? fence : std::nullopt;
}

std::string fence_line(Fence fence) {
  return fmt::format("{:>16}\n", fence);
}

std::optional<Fence> parse_content(std::string_view content) noexcept {
  if (content.size() > kLineBytes) return std::nullopt;
  const std::size_t begin = content.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return 0;
  return number_in(content.substr(begin, content.find_last_not_of(kBlanks) - begin + 1));
}

std::string padding_of(std::string_view content) {
  if (content.size() >= kLineBytes) return {};
  return std::string(kLineBytes - content.size() - 1, ' ') + '\n';
}

}  // namespace redlock::fence
