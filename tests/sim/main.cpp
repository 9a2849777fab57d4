// The simulator: see options.cpp for what it does and takes, referee.hpp for what it checks.
#include "campaign.hpp"
#include "describe.hpp"
#include "options.hpp"
#include "stampede.hpp"
#include "waiting.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <string>

namespace {

using namespace redlock::sim;

void print_report(const Campaign& campaign, const Report& report) {
  const Tally& tally = report.tally;
  const double seconds = report.elapsed.count();
  fmt::print(
      "{} schedules with {} nodes, seed {}, faults {}\n"
      "{:.1f} s, {:.0f} schedules/s, {:.1f} events and {:.2f} grants per schedule\n"
      "worst cases: {} rounds, {} rounds until a win, {} for one attempt\n",
      tally.schedules, fmt::join(campaign.nodes, ","), campaign.seed, names_of(campaign.each.faults), seconds,
      static_cast<double>(tally.schedules) / seconds,
      static_cast<double>(tally.events) / static_cast<double>(tally.schedules),
      static_cast<double>(tally.grants) / static_cast<double>(tally.schedules), tally.most_rounds,
      tally.most_rounds_to_win, describe(tally.longest_attempt));
}

void tell(const Campaign& campaign, const Request& request) {
  std::string trace;
  const Result result = campaign.run(request, &trace);
  fmt::print("{}", trace);
  fmt::print("{}\n", result.violation ? "violation " + *result.violation : "no violation");
}

int run_schedules(const Options& options) {
  const Report report = run_campaign(options.campaign);
  print_report(options.campaign, report);
  if (options.expect_violation) {
    if (report.finding) {
      fmt::print("caught in schedule {}: {}\n", report.finding->number + 1, report.finding->violation);
    } else {
      fmt::print("NOT caught\n");
    }
    return report.finding ? 0 : 1;
  }
  if (!report.finding) return 0;
  const Request& request = report.finding->request;
  tell(options.campaign, request);
  fmt::print("tell it again: redlock-sim{} --replay {} --nodes {} --clients {}-{} --faults {}\n",
             options.campaign.run == run_world ? "" : " --whole", request.seed, request.nodes,
             request.least_clients, request.most_clients, names_of(request.faults));
  return 1;
}

int replay(const Options& options) {
  Request request = options.campaign.each;
  request.seed = *options.replay;
  request.nodes = options.campaign.nodes.front();
  tell(options.campaign, request);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    if (options.waiting && options.replay) {
      fmt::print("{}", tell_waiting(*options.replay, options.worlds));
      return 0;
    }
    if (options.waiting) {
      return run_waiting({.seed = options.campaign.seed,
                          .schedules = options.campaign.schedules,
                          .expect_violation = options.expect_violation,
                          .worlds = options.worlds});
    }
    if (options.replay) return replay(options);
    if (options.stampedes > 0) {
      return run_stampedes(options.campaign.seed, options.stampedes, options.campaign.threads) ? 0 : 1;
    }
    return run_schedules(options);
  } catch (const BadUsage& bad) {
    fmt::print(stderr, "redlock-sim: {}\n{}", bad.why, kUsage);
    return 64;
  }
}
