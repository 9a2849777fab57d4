#pragma once

#include "cli/commands/inspect.hpp"
#include "process/ancestors.hpp"
#include "quorum/acquire_verdict.hpp"
#include "quorum/types.hpp"

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

// Which locks are held around this process: by the redlock whose command it is part of, or by a script with `acquire`. The
// environment says with which tokens, the nodes who has them, and /proc whether that is a process above this one. A copy of
// the environment elsewhere, or after the end of the outer redlock, does not count.
namespace redlock::cli {

// The variable by which a run tells redlocks below it of its lock, behind those around itself. The command has no use for it.
inline constexpr const char* kHeldVariable = "REDLOCK_HELD";

// What a run tells of itself.
struct OuterRun {
  pid_t pid;
  quorum::Token token;
  std::string fence;
  std::vector<std::string> locks;  // an id for each name: see lock_ids()
};

// A name for each key on these nodes, of slots for each of them: the same name with other nodes or another prefix is another lock.
std::vector<std::string> lock_ids(const LockNames& lock);

// "PID:TOKEN:FENCE:ID,ID", and blanks between several.
std::string format_outer_run(const OuterRun& run);
std::vector<OuterRun> parse_outer_runs(std::string_view text);  // leaves out what has another form

class OuterLocks {
 public:
  // As the environment and /proc say.
  OuterLocks();

  bool any() const { return !runs_.empty() || !token_.value.empty(); }

  // Whether this holder, whom the nodes tell, keeps the lock for as long as this process may run.
  bool include(const quorum::Token& token, const quorum::HolderInfo& info) const;
  // The same, and its lease ends this process: it is a run, whose redlock and guard live.
  bool are_leashed(const quorum::Token& token, const quorum::HolderInfo& info) const;

  // The run around this process that has this token, or was granted the lock with this id; null: none. It may have lost it.
  const OuterRun* run_with(const quorum::Token& token) const;
  const OuterRun* run_granted(const std::string& lock_id) const;

  // The value of kHeldVariable for the command of this run, within those around it.
  std::string with_run(const LockNames& lock, const quorum::Won& won) const;

 private:
  bool is_above(const quorum::Token& token, const quorum::HolderInfo& info) const;

  process::Ancestors ancestors_;
  std::vector<OuterRun> runs_;  // that live around this process
  quorum::Token token_;         // of the innermost lock, if any
};

}  // namespace redlock::cli
