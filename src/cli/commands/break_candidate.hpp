#pragma once

#include "base/error.hpp"
#include "lock/search.hpp"

#include <string>
#include <vector>

namespace redlock::cli {

// A lock that `break` is asked for, and what becomes of it.
struct Candidate {
  lock::FoundLock lock;
  std::string key;
  lock::Observations observations{};  // if it is the only one that was asked for
  int outcome = exit_status::kNo;

  // Somebody has it, or is all that is left of one who had: see LockStatus::leftover.
  bool has_one_holder() const;
  bool can_be_broken() const;
  bool rests() const;
  std::size_t votes() const;  // of all contenders
  bool is_foreign() const;    // another program's
};

// What the break means for the holders, or for the contenders.
std::string consequence_of(const Candidate& candidate);
std::string consequence_of(const std::vector<Candidate*>& candidates);

}  // namespace redlock::cli
