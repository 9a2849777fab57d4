#include "options.hpp"

#include "base/log.hpp"
#include "whole/whole_world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace redlock::sim {

const char* const kUsage =
    "usage: redlock-sim [OPTION...]\n"
    "\n"
    "Runs the algorithm of src/quorum against simulated nodes, one seeded schedule after the other, and "
    "checks\n"
    "what must hold. On a violation: the seed, a trace, and exit status 1.\n"
    "\n"
    "  --whole              the whole stack instead, from src/lock down to the bytes on the wire, with 2-5\n"
    "                       clients; give it first\n"
    "  --seed N             of the whole run (default 1); the same seed gives the same schedules\n"
    "  --schedules N        how many (default 100000)\n"
    "  --nodes N[,N...]     configured nodes, in turn (default 3,5)\n"
    "  --clients N[-M]      how many compete (default 2-8)\n"
    "  --faults LIST        inside (default: all of the model), all, none, or names with commas: jitter,\n"
    "                       lost-requests, lost-replies, cuts, outages, node-errors, moves, hands,\n"
    "                       node-pauses, client-pauses, suspends, deaths, crashes, amnesia, drift,\n"
    "                       wall-jumps, duplicates, foreign; and outside of the model: wild-drift,\n"
    "                       hand-deletes, node-jumps, no-quarantine; with --whole also pieces,\n"
    "                       half-closes, connect-hangs, lookups\n"
    "  --threads N          (default 1)\n"
    "  --replay SEED        tells one schedule in full, with the seed that a violation was reported with\n"
    "  --waiting            schedules of clients that wait in the queue instead (see waiting.hpp)\n"
    "  --names N            with --waiting: how many names a world has\n"
    "  --meals N            with --waiting: five philosophers with two names each, who eat so often\n"
    "  --stampede N         N rounds each of many clients that want the lock at the same instant\n"
    "  --defect NAME        a fault in the simulated driver or scripts, to test the checks\n"
    "  --expect-violation   for such tests: exit 0 when a violation is found, 1 when not\n";

namespace {

std::uint64_t number(std::string_view text, std::string_view option) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw BadUsage{fmt::format("{}: not a number: {}", option, text)};
  }
  return value;
}

void set_nodes(Options& options, std::string_view text) {
  options.campaign.nodes.clear();
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::uint64_t nodes = number(text.substr(0, comma), "--nodes");
    if (nodes == 0) throw BadUsage{"--nodes: there must be one"};
    options.campaign.nodes.push_back(nodes);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (options.campaign.nodes.empty()) throw BadUsage{"--nodes: there must be one"};
}

void set_clients(Options& options, std::string_view text) {
  const std::size_t dash = std::min(text.find('-'), text.size());
  Request& each = options.campaign.each;
  each.least_clients = number(text.substr(0, dash), "--clients");
  each.most_clients = dash == text.size() ? each.least_clients : number(text.substr(dash + 1), "--clients");
  if (each.least_clients == 0 || each.most_clients < each.least_clients) {
    throw BadUsage{"--clients: there must be one, and the range must not be empty"};
  }
}

void set_faults(Options& options, std::string_view text) {
  const auto faults = parse_faults(text);
  if (!faults) throw BadUsage{fmt::format("--faults: unknown name in {}", text)};
  options.campaign.each.faults = *faults;
}

void set_defect(Options& options, std::string_view text) {
  const auto defect = defect_named(text);
  if (!defect) throw BadUsage{fmt::format("--defect: unknown name {}", text)};
  options.campaign.each.defect = *defect;
  options.worlds.defect = *defect;
}

struct Option {
  std::string_view name;
  void (*set)(Options&, std::string_view);
};
constexpr std::array kOptions{
    Option{"--seed", [](Options& o, std::string_view text) { o.campaign.seed = number(text, "--seed"); }},
    Option{"--schedules",
           [](Options& o, std::string_view text) { o.campaign.schedules = number(text, "--schedules"); }},
    Option{"--nodes", set_nodes},
    Option{"--clients", set_clients},
    Option{"--faults", set_faults},
    Option{"--threads",
           [](Options& o, std::string_view text) {
             o.campaign.threads =
                 static_cast<unsigned>(std::clamp<std::uint64_t>(number(text, "--threads"), 1, 64));
           }},
    Option{"--replay", [](Options& o, std::string_view text) { o.replay = number(text, "--replay"); }},
    Option{"--stampede", [](Options& o, std::string_view text) { o.stampedes = number(text, "--stampede"); }},
    Option{"--names", [](Options& o, std::string_view text) { o.worlds.names = number(text, "--names"); }},
    Option{"--meals",
           [](Options& o, std::string_view text) {
             o.worlds.meals = static_cast<unsigned>(number(text, "--meals"));
           }},
    Option{"--defect", set_defect},
};

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--whole") {
      options.campaign.run = run_whole_world;
      options.campaign.each.faults = faults_of_whole_worlds();
      options.campaign.each.most_clients = 5;
      options.campaign.each.whole = true;
      log::set_level(log::Level::Error);
      continue;
    }
    if (name == "--expect-violation") {
      options.expect_violation = true;
      continue;
    }
    if (name == "--waiting") {
      options.waiting = true;
      continue;
    }
    const auto* option = std::find_if(kOptions.begin(), kOptions.end(),
                                      [&](const Option& known) { return known.name == name; });
    if (option == kOptions.end()) throw BadUsage{fmt::format("unknown option {}", name)};
    if (i + 1 == argc) throw BadUsage{fmt::format("{} needs a value", name)};
    option->set(options, argv[++i]);
  }
  return options;
}

}  // namespace redlock::sim
