#include "faults.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace redlock::sim {
namespace {

constexpr std::array kFaults{
    FaultInfo{Fault::Jitter, "jitter", true},
    FaultInfo{Fault::LostRequests, "lost-requests", true},
    FaultInfo{Fault::LostReplies, "lost-replies", true},
    FaultInfo{Fault::Cuts, "cuts", true},
    FaultInfo{Fault::Outages, "outages", true},
    FaultInfo{Fault::NodeErrors, "node-errors", true},
    FaultInfo{Fault::Moves, "moves", true},
    FaultInfo{Fault::NodePauses, "node-pauses", true},
    FaultInfo{Fault::ClientPauses, "client-pauses", true},
    FaultInfo{Fault::Suspends, "suspends", true},
    FaultInfo{Fault::Deaths, "deaths", true},
    FaultInfo{Fault::Crashes, "crashes", true},
    FaultInfo{Fault::Amnesia, "amnesia", true},
    FaultInfo{Fault::Drift, "drift", true},
    FaultInfo{Fault::WallJumps, "wall-jumps", true},
    FaultInfo{Fault::Duplicates, "duplicates", true},
    FaultInfo{Fault::Foreign, "foreign", true},
    FaultInfo{Fault::Hands, "hands", true},
    FaultInfo{Fault::WildDrift, "wild-drift", false},
    FaultInfo{Fault::HandDeletes, "hand-deletes", false},
    FaultInfo{Fault::NodeJumps, "node-jumps", false},
    FaultInfo{Fault::NoQuarantine, "no-quarantine", false},
    FaultInfo{Fault::Pieces, "pieces", true, true},
    FaultInfo{Fault::HalfCloses, "half-closes", true, true},
    FaultInfo{Fault::ConnectHangs, "connect-hangs", true, true},
    FaultInfo{Fault::Lookups, "lookups", true, true},
};
static_assert(kFaults.size() == static_cast<std::size_t>(Fault::kCount));

constexpr std::array kDefects{
    std::pair{std::string_view{"monotonic-clock"}, Defect::MonotonicClock},
    std::pair{std::string_view{"extension-shortens"}, Defect::ExtensionShortens},
    std::pair{std::string_view{"release-without-compare"}, Defect::ReleaseWithoutCompare},
    std::pair{std::string_view{"unconditional-write-back"}, Defect::UnconditionalWriteBack},
    std::pair{std::string_view{"identity-forgotten"}, Defect::IdentityForgotten},
    std::pair{std::string_view{"release-overtakes-acquire"}, Defect::ReleaseOvertakesAcquire},
    std::pair{std::string_view{"note-only-on-the-token"}, Defect::NoteOnlyOnTheToken},
    std::pair{std::string_view{"rest-outlives-counter"}, Defect::RestOutlivesCounter},
    std::pair{std::string_view{"rest-is-cut-short"}, Defect::RestIsCutShort},
    std::pair{std::string_view{"rest-is-shortened"}, Defect::RestIsShortened},
    std::pair{std::string_view{"rest-is-restored"}, Defect::RestIsRestored},
    std::pair{std::string_view{"rest-sets-the-key"}, Defect::RestSetsTheKey},
    std::pair{std::string_view{"votes-for-some-names"}, Defect::VotesForSomeNames},
    std::pair{std::string_view{"one-counter-raised"}, Defect::OneCounterRaised},
    std::pair{std::string_view{"sets-what-is-free"}, Defect::SetsWhatIsFree},
    std::pair{std::string_view{"part-set-anew-unseen"}, Defect::PartSetAnewUnseen},
    std::pair{std::string_view{"extends-the-rest"}, Defect::ExtendsTheRest},
    std::pair{std::string_view{"releases-one-name"}, Defect::ReleasesOneName},
    std::pair{std::string_view{"bars-at-the-head-only"}, Defect::BarsAtTheHeadOnly},
    std::pair{std::string_view{"hands-nothing-on"}, Defect::HandsNothingOn},
    std::pair{std::string_view{"counts-entries"}, Defect::CountsEntries},
};

}  // namespace

std::optional<Fault> fault_named(std::string_view name) {
  const auto* found = std::find_if(kFaults.begin(), kFaults.end(),
                                   [&](const FaultInfo& candidate) { return candidate.name == name; });
  if (found == kFaults.end()) return std::nullopt;
  return found->fault;
}

const FaultInfo& info(Fault fault) {
  return kFaults.at(static_cast<std::size_t>(fault));
}

Faults faults_inside_model() {
  Faults faults;
  for (const FaultInfo& fault : kFaults)
    faults.set(static_cast<std::size_t>(fault.fault), fault.inside_model && !fault.whole_only);
  return faults;
}

Faults faults_of_whole_worlds() {
  Faults faults;
  for (const FaultInfo& fault : kFaults)
    faults.set(static_cast<std::size_t>(fault.fault), fault.inside_model);
  return faults;
}

Faults all_faults() {
  return Faults{}.set();
}

std::optional<Faults> parse_faults(std::string_view list) {
  if (list == "all") return all_faults();
  if (list == "inside") return faults_inside_model();
  if (list == "whole") return faults_of_whole_worlds();
  Faults faults;
  if (list == "none") return faults;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const auto fault = fault_named(list.substr(0, comma));
    if (!fault) return std::nullopt;
    faults.set(static_cast<std::size_t>(*fault));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return faults;
}

std::string names_of(const Faults& faults) {
  std::string names;
  for (const FaultInfo& fault : kFaults) {
    if (!has(faults, fault.fault)) continue;
    if (!names.empty()) names += ',';
    names += fault.name;
  }
  return names.empty() ? "none" : names;
}

std::optional<Defect> defect_named(std::string_view name) {
  const auto* found = std::find_if(kDefects.begin(), kDefects.end(),
                                   [&](const auto& defect) { return defect.first == name; });
  if (found == kDefects.end()) return std::nullopt;
  return found->second;
}

}  // namespace redlock::sim
