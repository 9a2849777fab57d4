#include "cli/lock_table.hpp"

#include "base/duration.hpp"
#include "base/text.hpp"
#include "cli/status_view.hpp"
#include "config/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::cli {
namespace {

std::string since(std::uint64_t since_us, std::uint64_t now_us) {
  if (since_us == 0 || since_us > now_us) return {};
  return human_duration(std::chrono::microseconds{now_us - since_us});
}

std::string holder_of(const quorum::HolderInfo& info) {
  if (lock::is_anonymous(info)) return {};
  return fmt::format("{}@{} (pid {})", printable(info.user, 64), printable(info.host, 255), info.pid);
}

// A table of locks: the first column, and what is known of the holder.
Table table_of(std::string first_title) {
  return Table{{std::move(first_title), "STATE", "HOLDER", "SINCE", "REMAINING", "FENCE", "COMMAND", "NOTE"}};
}

void add_row(Table& table, std::string first, const lock::LockStatus& status, std::uint64_t now_us) {
  const lock::Contender* holder = status.holder();
  const quorum::HolderInfo info = holder != nullptr ? holder->info : quorum::HolderInfo{};
  table.add({{.text = std::move(first)},
             {.text = std::string{state_name(status)}, .tone = tone_of(status.state)},
             {.text = holder_of(info)},
             {.text = since(info.since_us, now_us)},
             {.text = holder == nullptr ? ""
                      : holder->free_in ? human_duration(*holder->free_in)
                                        : "no TTL"},
             {.text = holder != nullptr && holder->fence != 0 ? std::to_string(holder->fence) : ""},
             {.text = printable(info.command, 80)},
             {.text = printable(info.note, config::kMostNoteBytes)}});
}

}  // namespace

std::vector<std::string> lock_table(const std::vector<lock::FoundLock>& locks, std::uint64_t now_us,
                                    const Palette& palette, std::size_t width) {
  Table table = table_of("NAME");
  for (const lock::FoundLock& found : locks) add_row(table, printable(found.name), found.status, now_us);
  return table.render(palette, width);
}

std::vector<std::string> show_slots(std::span<const StatusView> slots, const lock::Inspector& inspector,
                                    std::uint64_t now_us, const Palette& palette, std::size_t width) {
  constexpr std::size_t indent = 2;
  std::size_t held = 0;
  std::size_t resting = 0;
  std::uint64_t waiting = 0;
  Table table = table_of("SLOT");
  for (const StatusView& slot : slots) {
    waiting = std::max(waiting, slot.status.waiting);
    if (const lock::Contender* const holder = slot.status.holder()) ++(holder->info.resting ? resting : held);
    add_row(table, std::to_string(slot.slot), slot.status, now_us);
  }
  const StatusView& first = slots.front();
  std::string more = resting > 0 ? fmt::format(", {} at rest", resting) : "";
  if (waiting > 0) more += fmt::format(", {} waiting", waiting);
  std::vector<std::string> lines{clip(fmt::format("lock {}: {} of {} slots {} held{}", quoted(first.slot_of),
                                                  held, slots.size(), held == 1 ? "is" : "are", more),
                                      width)};
  for (std::string& line : table.render(palette, width, indent)) lines.push_back(std::move(line));
  for (quorum::NodeIndex node = 0; node < first.observations.size(); ++node) {
    const std::string note = note_of(node, first, inspector);
    if (!note.empty())
      lines.push_back(clip(fmt::format("  {}: {}", inspector.endpoint(node).display(), note), width));
  }
  return lines;
}

}  // namespace redlock::cli
