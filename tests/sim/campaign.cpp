#include "campaign.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace redlock::sim {
namespace {

void add(Tally& tally, const Result& result) {
  ++tally.schedules;
  tally.events += result.events;
  tally.grants += result.grants;
  tally.most_rounds = std::max(tally.most_rounds, result.most_rounds);
  tally.most_rounds_to_win = std::max(tally.most_rounds_to_win, result.most_rounds_to_win);
  tally.longest_attempt = std::max(tally.longest_attempt, result.longest_attempt);
}

void add(Tally& tally, const Tally& other) {
  tally.schedules += other.schedules;
  tally.events += other.events;
  tally.grants += other.grants;
  tally.most_rounds = std::max(tally.most_rounds, other.most_rounds);
  tally.most_rounds_to_win = std::max(tally.most_rounds_to_win, other.most_rounds_to_win);
  tally.longest_attempt = std::max(tally.longest_attempt, other.longest_attempt);
}

}  // namespace

Request nth(const Campaign& campaign, std::uint64_t number) {
  Request request = campaign.each;
  request.seed = mix(mix(campaign.seed) + number);
  request.nodes = campaign.nodes[number % campaign.nodes.size()];
  return request;
}

Report run_campaign(const Campaign& campaign) {
  const auto began = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> first_found{campaign.schedules};
  std::vector<Tally> tallies(campaign.threads);
  std::vector<std::optional<Finding>> findings(campaign.threads);

  const auto work = [&](std::size_t thread) {
    for (std::uint64_t number = next++; number < first_found; number = next++) {
      const Request request = nth(campaign, number);
      const Result result = campaign.run(request, nullptr);
      add(tallies[thread], result);
      if (!result.violation) continue;
      findings[thread] = Finding{.number = number, .request = request, .violation = *result.violation};
      std::uint64_t known = first_found;
      while (number < known && !first_found.compare_exchange_weak(known, number)) {
      }
      return;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < campaign.threads; ++i) threads.emplace_back(work, i);
  work(0);
  for (std::thread& thread : threads) thread.join();

  Report report;
  for (const Tally& tally : tallies) add(report.tally, tally);
  for (auto& finding : findings) {
    if (finding && (!report.finding || finding->number < report.finding->number)) report.finding = finding;
  }
  report.elapsed = std::chrono::steady_clock::now() - began;
  return report;
}

}  // namespace redlock::sim
