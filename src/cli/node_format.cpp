#include "cli/node_format.hpp"

#include "base/duration.hpp"
#include "base/text.hpp"
#include "lock/report.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

#include <chrono>

namespace redlock::cli {
namespace {

using lock::Issue;
using lock::NodeReport;

constexpr const char* kNotPermitted = "not permitted to ask";

std::string milliseconds(Duration duration) {
  return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(duration).count());
}

std::string trip_of(const NodeReport& report) {
  return report.round_trip ? milliseconds(*report.round_trip) : "";
}

std::string server_of(const NodeReport& report) {
  if (report.failure) return {};
  if (!report.server) return kNotPermitted;
  return printable(fmt::format("{} {}", report.server->product, report.server->version));
}

std::string role_of(const NodeReport& report) {
  if (report.failure) return {};
  switch (report.eligibility) {
    case quorum::VoteEligibility::Replica: return "replica";
    case quorum::VoteEligibility::ClusterMode: return "cluster";
    case quorum::VoteEligibility::Sentinel: return "sentinel";
    case quorum::VoteEligibility::Voter:
    case quorum::VoteEligibility::Anonymous:
    case quorum::VoteEligibility::Quarantined: return report.anonymous ? "" : "master";
  }
  return {};
}

std::string uptime_of(const NodeReport& report) {
  if (!report.server) return {};
  const auto uptime = report.server->uptime;
  if (uptime.count() == 0) return "0s";
  return (uptime.count() < 0 ? "-" : "") + human_duration(std::chrono::abs(uptime));
}

std::string disk_of(const NodeReport& report) {
  if (!report.server) return {};
  if (report.server->aof) {
    return fmt::format("AOF, fsync {}",
                       report.appendfsync ? printable(*report.appendfsync, 16) : kNotPermitted);
  }
  if (!report.save) return fmt::format("no AOF, snapshots {}", kNotPermitted);
  return report.save->empty() ? "nothing" : "snapshots";
}

std::string memory_of(const NodeReport& report) {
  if (!report.server) return {};
  if (report.server->maxmemory == 0) return "no limit";
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
  return fmt::format("{} MiB, {}", (report.server->maxmemory + mebibyte - 1) / mebibyte,
                     printable(report.server->maxmemory_policy));
}

std::string clock_of(const NodeReport& report) {
  if (!report.clock_ahead) return {};
  const Duration off = std::chrono::abs(Duration{*report.clock_ahead});
  return fmt::format("{}{}", report.clock_ahead->count() < 0 ? "-" : "+",
                     off < std::chrono::seconds{1} ? milliseconds(off) : human_duration(off));
}

// "it has no memory left", and "its ACL forbids"
std::string takes_no_locks(const std::string& why) {
  return fmt::format("takes no locks now: {}{}", why.starts_with("its ") ? "" : "it ", why);
}

Json text_or_null(const std::optional<std::string>& text) {
  return text ? Json{*text} : Json{};
}

}  // namespace

std::vector<std::string> report_titles() {
  return {"TRIP", "SERVER", "ROLE", "UPTIME", "DISK", "MEMORY", "CLOCK"};
}

std::vector<std::string> report_cells(const NodeReport& report) {
  return {trip_of(report), server_of(report), role_of(report), uptime_of(report),
          disk_of(report), memory_of(report), clock_of(report)};
}

std::string explain(Issue issue, quorum::NodeIndex node, const NodeReport& report,
                    const lock::Inspector& inspector) {
  switch (issue) {
    case Issue::NoAnswer: return redis::describe(*report.failure, inspector.endpoint(node));
    case Issue::NoVote: return lock::describe_eligibility(node, report.asked, inspector.membership());
    case Issue::Refuses: return takes_no_locks(redis::describe(*report.refusal, inspector.endpoint(node)));
    case Issue::Untried:
      return "could not try whether it takes locks: its ACL forbids redlock's user the keys of the trial: "
             "permit ~redlock.trial*";
    case Issue::Several:
      return "leads to more than one server, as through a load balancer: locks there exclude nobody. Name "
             "each server "
             "by an address of its own";
    case Issue::Anonymous: return std::string{lock::kWithoutIdentity};
    case Issue::TooOld:
      return fmt::format("is Redis {}: list, and that waiting clients are woken, need 6.0 or later",
                         printable(report.server->version));
    case Issue::Unheard:
      return fmt::format("does not tell waiting clients of a release, so that they look again and again: {}",
                         redis::describe(*report.unheard, inspector.endpoint(node)));
    case Issue::Evicts:
      return fmt::format(
          "may evict locks when its memory is full (maxmemory-policy {}): set it to noeviction",
          printable(report.server->maxmemory_policy));
    case Issue::Forgets:
      return "may forget its locks when it restarts, and has a vote at once (restart_quarantine 0s): set a "
             "quarantine, or appendonly yes and appendfsync always there";
    case Issue::BadDisk: return "failed when it last wrote to its disk: see its log";
    case Issue::SetBack:
      return "its clock was set back behind its start: a quarantine counts it as just restarted until the "
             "clock "
             "has caught up. Restart it when no lock is held, and let NTP keep the clock";
    case Issue::BadClock:
      return fmt::format(
          "its clock is {} {} ours: locks end early or late once it is set right. Let NTP keep both",
          human_duration(std::chrono::abs(Duration{*report.clock_ahead})),
          report.clock_ahead->count() < 0 ? "behind" : "ahead of");
  }
  return {};
}

Json report_to_json(const std::string& url, bool votes, const NodeReport& report,
                    const std::vector<std::string>& warnings) {
  Json lines = Json::array();
  for (const std::string& warning : warnings) lines.push_back(warning);
  const auto& server = report.server;
  const auto micros = [](Duration duration) {
    return Json{std::chrono::duration_cast<std::chrono::microseconds>(duration).count()};
  };
  const std::string role = role_of(report);
  return Json::object({{"url", url},
                       {"answers", !report.failure},
                       {"votes", votes},
                       {"round_trip_us", report.round_trip ? micros(*report.round_trip) : Json{}},
                       {"server", server ? Json{server->product} : Json{}},
                       {"version", server ? Json{server->version} : Json{}},
                       {"role", role.empty() ? Json{} : Json{role}},
                       {"uptime_s", server ? Json{server->uptime.count()} : Json{}},
                       {"aof", server ? Json{server->aof} : Json{}},
                       {"appendfsync", text_or_null(report.appendfsync)},
                       {"save", text_or_null(report.save)},
                       {"maxmemory", server ? Json{server->maxmemory} : Json{}},
                       {"maxmemory_policy", server ? Json{server->maxmemory_policy} : Json{}},
                       {"clock_ahead_us", report.clock_ahead ? Json{report.clock_ahead->count()} : Json{}},
                       {"warnings", std::move(lines)}});
}

}  // namespace redlock::cli
