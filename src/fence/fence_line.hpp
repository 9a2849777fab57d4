#pragma once

#include "quorum/types.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// The content of a fence file: the greatest fence that it has seen, as a line that a person can read.
namespace redlock::fence {

using quorum::Fence;

// Reads a fence as `run` hands it out: digits only, from 1 to quorum::kMaxFence.
std::optional<Fence> parse_fence(std::string_view text) noexcept;

// 16 characters, right-aligned, and a newline. The width never changes, so that a new line replaces the old one in place.
inline constexpr std::size_t kLineBytes = 17;
std::string fence_line(Fence fence);

// Reads a fence file. 0 if it is blank: it has seen no fence yet. A line of another width (`echo 5 > FILE`) is good, too.
// Nothing if it holds anything else, or more than kLineBytes.
std::optional<Fence> parse_content(std::string_view content) noexcept;

// Blanks and a newline that make the content of a fence file kLineBytes long without changing its meaning.
std::string padding_of(std::string_view content);

}  // namespace redlock::fence
