#pragma once

#include "cli/json.hpp"
#include "cli/terminal/table.hpp"
#include "lock/inspector.hpp"
#include "lock/lock_status.hpp"

#include <cstdint>
#include <string>
#include <vector>

// The status of a lock, for people and programs. Nothing here shows a whole token, because everybody who has it can release
// the lock.
namespace redlock::cli {

struct StatusView {
  std::string name;
  lock::Observations observations{};
  lock::LockStatus status{};
  quorum::Slot slot = 0;  // 0: it is none
  std::string slot_of{};  // the lock whose slot it is
  std::string key{};      // on the nodes; empty: not known
};

Tone tone_of(lock::LockState state);

// "held", "resting", "foreign", "split", "free" or "unknown".
std::string_view state_name(const lock::LockStatus& status);

// One line without a full stop: "lock 'x' is held by carol@web3 (pid 812, backup.sh) since 3m; it expires in ...".
// `now_us` is the wall clock in microseconds.
std::string summarize(const std::string& name, const lock::LockStatus& status,
                      const quorum::Membership& membership, std::uint64_t now_us);

// Why the answer of a node does not count, or only in part; else empty.
std::string note_of(quorum::NodeIndex node, const StatusView& view, const lock::Inspector& inspector);

// The lines below it: the facts about the holder, and a table of the nodes.
std::vector<std::string> show_details(const StatusView& view, const lock::Inspector& inspector,
                                      const Palette& palette, std::size_t width);

// The JSON object in the manual page, without and with the nodes.
Json lock_to_json(const std::string& name, const lock::LockStatus& status,
                  const quorum::Membership& membership, std::uint64_t now_us);
Json status_to_json(const StatusView& view, const lock::Inspector& inspector, std::uint64_t now_us);

// The beginning of a token, enough to recognize it: "1f3a9c2e...".
std::string token_beginning(const quorum::Token& token);

}  // namespace redlock::cli
