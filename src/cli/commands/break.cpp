#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/break_candidate.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/lock_table.hpp"
#include "cli/terminal/output.hpp"
#include "config/name.hpp"
#include "lock/manual.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace redlock::cli {
namespace {

using lock::LockState;

// Releases that are asked for in one round trip: each has a whole script.
constexpr std::size_t kReleasesAtOnce = 100;

// The one lock that a word of the command line names; none: the word is a pattern, as that of `list`. Backslashes count only in
// a word with a character of patterns.
std::optional<std::string> name_meant_by(std::string_view word) {
  constexpr std::string_view special = "*?[";
  if (word.find_first_of(special) == std::string_view::npos) return std::string{word};
  std::string name;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\\' && i + 1 < word.size()) {
      ++i;
    } else if (special.find(word[i]) != std::string_view::npos) {
      return std::nullopt;
    }
    name += word[i];
  }
  return name;
}

// How to write the name that has the characters of this pattern. Empty if that cannot be shown as it is to be typed.
std::string hint_of_name(const std::string& pattern) {
  if (printable(pattern) != pattern) return {};
  std::string name;
  for (const char c : pattern) {
    if (std::string_view{"*?["}.find(c) != std::string_view::npos) name += '\\';
    name += c;
  }
  return fmt::format(". The lock of that very name is '{}'", name);
}

// The locks that the command line means, by their keys, and how that search ended.
struct Candidates {
  std::vector<Candidate> locks;
  int outcome = exit_status::kYes;
};

void find_matching(const std::string& pattern, const std::string& prefix, lock::Inspector& inspector,
                   Candidates& all) {
  lock::Findings findings = lock::find_locks(inspector, prefix, pattern);
  if (!report_search(findings, inspector)) {  // what it has found may be held by a quorum all the same
    all.outcome = exit_status::kNoQuorum;
  } else if (findings.locks.empty()) {
    log::notice(
        fmt::format("no lock matches {}: nothing is broken{}", quoted(pattern), hint_of_name(pattern)));
    all.outcome = std::max<int>(all.outcome, exit_status::kNo);
  }
  for (lock::FoundLock& found : findings.locks) {
    std::string key = prefix + found.name;
    all.locks.push_back({.lock = std::move(found), .key = std::move(key)});
  }
}

// What the words of the command line mean.
struct Wanted {
  LockNames named;
  std::vector<std::string> patterns;
  std::string prefix;  // of the keys that the patterns find
};

Wanted load_wanted(const Arguments& arguments) {
  std::vector<std::string> names;
  std::vector<std::string> patterns;
  for (const std::string& word : arguments.names) {
    const auto name = name_meant_by(word);
    if (name) config::check_lock_name(*name);
    name ? names.push_back(*name) : patterns.push_back(word);
  }
  if (!patterns.empty()) names.emplace_back();  // no lock: its settings are those of the patterns
  LockNames named = load_names(arguments, names);
  named.slots.assign(names.size(), 0);  // a slot is broken by its own name
  if (patterns.empty()) return {.named = std::move(named), .patterns = {}, .prefix = {}};
  std::string prefix = std::move(named.keys.back());
  named.names.pop_back();
  named.keys.pop_back();
  return {.named = std::move(named), .patterns = std::move(patterns), .prefix = std::move(prefix)};
}

Candidates find_candidates(const Wanted& wanted, lock::Inspector& inspector) {
  Candidates all;
  const LockNames& named = wanted.named;
  std::vector<StatusView> views = *inspect_locks(inspector, named);
  for (std::size_t i = 0; i < views.size(); ++i) {
    all.locks.push_back({.lock = {.name = views[i].name, .status = std::move(views[i].status)},
                         .key = named.keys[i],
                         .observations = std::move(views[i].observations)});
  }
  for (const std::string& pattern : wanted.patterns) find_matching(pattern, wanted.prefix, inspector, all);
  refuse_duplicates(inspector);
  std::stable_sort(all.locks.begin(), all.locks.end(),
                   [](const Candidate& a, const Candidate& b) { return a.key < b.key; });
  all.locks.erase(std::unique(all.locks.begin(), all.locks.end(),
                              [](const Candidate& a, const Candidate& b) { return a.key == b.key; }),
                  all.locks.end());
  return all;
}

bool confirmed(const std::vector<Candidate*>& candidates) {
  const std::string what = candidates.size() == 1 ? "lock " + quoted(candidates.front()->lock.name)
                                                  : fmt::format("these {} locks", candidates.size());
  const std::string question = fmt::format("redlock: {}. Break {}? [y/N] ", consequence_of(candidates), what);
  if (::write(STDERR_FILENO, question.data(), question.size()) < 0) return false;
  std::string answer;
  for (char c = 0; ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n';) answer += c;
  return answer == "y" || answer == "Y" || answer == "yes";
}

// Tells what has become of the lock.
void conclude(Candidate& candidate, quorum::ReleaseResult result, std::size_t removed,
              const std::vector<std::string>& troubles) {
  const std::string name = quoted(candidate.lock.name);
  // Of a rest that nodes in quarantine may have forgotten, nothing else is left.
  const bool all = candidate.lock.status.leftover && removed >= candidate.votes();
  if (result == quorum::ReleaseResult::NoQuorum && !all) {
    candidate.outcome = exit_status::kNoQuorum;
    log::error(fmt::format(
        "no quorum to break lock {}: too few nodes answered, and on the others it is still held", name));
    for (const std::string& trouble : troubles) log::error("  " + trouble);
  } else if (removed > 0) {
    candidate.outcome = exit_status::kYes;
    log::notice(fmt::format("lock {} is broken: {}", name, consequence_of(candidate)));
  } else {
    log::notice(fmt::format("lock {} was given back meanwhile{}: nothing is broken", name,
                            result == quorum::ReleaseResult::Others ? ", and has a new holder" : ""));
  }
}

// Removes only the tokens that were shown. A later holder keeps the lock.
void take_away(const config::Settings& settings, const std::vector<Candidate*>& candidates) {
  std::vector<std::string> keys;
  std::vector<quorum::ReleaseRequest> releases;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const lock::LockStatus& status = candidates[i]->lock.status;
    keys.push_back(candidates[i]->key);
    for (const lock::Contender& contender : status.contenders) {
      if (status.state == LockState::Held && &contender != status.holder()) break;
      releases.push_back({.token = contender.token, .note = contender.ttl, .breaks = true, .name = i});
    }
  }
  lock::Inspector inspector = open_inspector(settings, std::move(keys));
  std::vector<lock::ManualRelease> outcomes;
  for (auto next = releases.cbegin(); next != releases.cend();) {
    const auto end = next + std::min<std::ptrdiff_t>(releases.cend() - next, kReleasesAtOnce);
    std::vector<lock::ManualRelease> some = lock::release_by_hand(inspector.driver(), {next, end});
    std::move(some.begin(), some.end(), std::back_inserter(outcomes));
    next = end;
  }
  for (std::size_t i = 0, next = 0; i < candidates.size(); ++i) {
    std::size_t removed = 0;
    for (; next < releases.size() && releases[next].name == i; ++next) removed += outcomes[next].removed;
    conclude(*candidates[i], outcomes[next - 1].result, removed, outcomes[next - 1].troubles);
  }
}

// Why the nodes cannot tell of the lock, one line for each.
void report_silence(const Candidate& candidate, const lock::Inspector& inspector) {
  const StatusView view{
      .name = candidate.lock.name, .observations = candidate.observations, .key = candidate.key};
  for (quorum::NodeIndex node = 0; node < view.observations.size(); ++node) {
    const std::string note = note_of(node, view, inspector);
    if (!note.empty()) log::error(fmt::format("  {}: {}", inspector.endpoint(node).display(), note));
  }
}

// Shows the locks that can be broken; tells of the others.
std::vector<Candidate*> present(const Arguments& arguments, std::vector<Candidate>& all,
                                lock::Inspector& inspector, bool details) {
  const std::uint64_t now_us = read_clocks().wall_us;
  const std::size_t width = output_width();
  const Palette& palette = output_palette(arguments.color);
  std::vector<Candidate*> breakable;
  std::vector<lock::FoundLock> shown;
  bool silence_told = false;  // of one lock, and most likely of all
  for (Candidate& candidate : all) {
    const lock::FoundLock& lock = candidate.lock;
    const std::string summary = summarize(lock.name, lock.status, inspector.membership(), now_us);
    if (details && !arguments.json && !lock.status.contenders.empty()) {
      print(clip(summary, width) + "\n");
      print(show_details({.name = lock.name, .observations = candidate.observations, .status = lock.status},
                         inspector, palette, width));
    }
    if (candidate.can_be_broken()) {
      breakable.push_back(&candidate);
      shown.push_back(lock);
    } else if (lock.status.state == LockState::Free) {
      const std::string taken = taken_slots_of(inspector, lock.name, candidate.key);
      log::notice(summary + ": nothing is broken" +
                  (taken.empty() ? "" : ". Slots of it are taken, and broken by their own names: " + taken));
    } else {
      candidate.outcome = exit_status::kNoQuorum;
      log::error(summary + ": nothing is broken");
      const bool in_details = details && !arguments.json && !lock.status.contenders.empty();
      if (!in_details && !std::exchange(silence_told, true)) report_silence(candidate, inspector);
    }
  }
  if (!details && !arguments.json && !shown.empty()) print(lock_table(shown, now_us, palette, width));
  return breakable;
}

// One object for one name, as for `status`; otherwise an array of objects as for `list`.
Json to_json(const std::vector<Candidate>& all, const lock::Inspector& inspector, bool details) {
  const std::uint64_t now_us = read_clocks().wall_us;
  Json array = Json::array();
  for (const Candidate& candidate : all) {
    const lock::FoundLock& lock = candidate.lock;
    Json json = details
                    ? status_to_json(
                          {.name = lock.name, .observations = candidate.observations, .status = lock.status},
                          inspector, now_us)
                    : lock_to_json(lock.name, lock.status, inspector.membership(), now_us);
    json.add("broken", candidate.outcome == exit_status::kYes);
    if (details) return json;
    array.push_back(std::move(json));
  }
  return array;
}

}  // namespace

int break_lock(const Arguments& arguments) {
  if (!arguments.yes && !is_terminal(STDIN_FILENO)) {
    throw UsageError{
        "break: there is no terminal to ask at: give --yes to break the lock without a question"};
  }
  const Wanted wanted = load_wanted(arguments);
  const config::Settings& settings = wanted.named.settings;
  lock::Inspector inspector = open_inspector(settings);
  Candidates all = find_candidates(wanted, inspector);
  const bool details = arguments.names.size() == 1 && wanted.patterns.empty();

  const std::vector<Candidate*> breakable = present(arguments, all.locks, inspector, details);
  if (!breakable.empty() && !arguments.yes && !confirmed(breakable)) {
    log::notice(breakable.size() == 1
                    ? fmt::format("lock {} is left as it is", quoted(breakable.front()->lock.name))
                    : fmt::format("the {} locks are left as they are", breakable.size()));
  } else if (!breakable.empty()) {
    take_away(settings, breakable);
  }
  if (arguments.json) print(to_json(all.locks, inspector, details).dump() + "\n");
  int worst = all.outcome;
  for (const Candidate& candidate : all.locks) worst = std::max(worst, candidate.outcome);
  return worst;
}

}  // namespace redlock::cli
