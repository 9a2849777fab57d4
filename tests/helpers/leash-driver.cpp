// Runs a command under a leash, without Redis: redlock's process side alone, for tests/e2e/process.bats.
//
//   leash-driver [OPTION...] COMMAND [ARG...]
//
//   --ttl-ms N         the lease lasts so long (default 60000)
//   --kill-after-ms N  default: ttl / 3
//   --extend-for-ms N  a thread extends the lease every ttl / 3 for so long (default: never; -1: for ever)
//   --lose-after-ms N  a thread says that the lease is lost, so long after the start
//   --delay-ms N       waits between the grant and the fork
//   --warn             --on-lost=warn
//   --all              --release-when=all
//   --end-file FILE    writes the end of the first lease there, in microseconds since 1970
//   --report FILE      writes how it ended to FILE, in one line
//   --ended-file FILE  is there from the moment in which redlock would give the lock back
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "process/command.hpp"
#include "process/descriptors.hpp"
#include "process/title.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

namespace {

using namespace std::chrono_literals;
using namespace redlock;
using std::chrono::milliseconds;

struct Options {
  milliseconds ttl = 60s;
  milliseconds kill_after = -1ms;
  milliseconds extend_for = 0ms;
  milliseconds lose_after = -1ms;
  milliseconds delay = 0ms;
  std::string report;
  std::string end_file;
  std::string ended_file;
  process::CommandSpec spec;
};

Options parse(int argc, char** argv) {
  struct Number {
    std::string_view name;
    milliseconds Options::*target;
  };
  constexpr Number numbers[] = {{"--ttl-ms", &Options::ttl},
                                {"--kill-after-ms", &Options::kill_after},
                                {"--extend-for-ms", &Options::extend_for},
                                {"--lose-after-ms", &Options::lose_after},
                                {"--delay-ms", &Options::delay}};
  Options options;
  int i = 1;
  for (; i < argc && std::string_view{argv[i]}.substr(0, 2) == "--"; ++i) {
    const std::string_view name{argv[i]};
    const auto* const number = std::find_if(std::begin(numbers), std::end(numbers),
                                            [name](const Number& known) { return known.name == name; });
    if (name == "--warn") {
      options.spec.stop_when_lost = false;
    } else if (name == "--all") {
      options.spec.until_all_ended = true;
    } else if (name == "--report" && i + 1 < argc) {
      options.report = argv[++i];
    } else if (name == "--ended-file" && i + 1 < argc) {
      options.ended_file = argv[++i];
    } else if (name == "--end-file" && i + 1 < argc) {
      options.end_file = argv[++i];
    } else if (number != std::end(numbers) && i + 1 < argc) {
      options.*(number->target) = milliseconds{std::atol(argv[++i])};
    } else {
      throw UsageError{"leash-driver: what is " + std::string{name} + "?"};
    }
  }
  options.spec.argv.assign(argv + i, argv + argc);
  options.spec.environment = {{"REDLOCK_NAME", "driver"}, {"REDLOCK_TOKEN", "granted"}};
  if (options.kill_after < 0ms) options.kill_after = options.ttl / 3;
  return options;
}

struct Description {
  std::string operator()(const process::Exited& end) const { return "exited " + std::to_string(end.status); }
  std::string operator()(const process::Signalled& end) const {
    return "signalled " + std::to_string(end.signal);
  }
  std::string operator()(const process::Stopped& end) const {
    return "stopped " + std::to_string(end.survivors);
  }
  std::string operator()(const process::GuardDied& end) const {
    return "guard-died " + std::to_string(end.survivors);
  }
  std::string operator()(const process::NotStarted& end) const {
    return "not-started " + std::to_string(end.exit_status);
  }
};

void write_file(const std::string& path, const std::string& text) {
  const UniqueFd file{open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (write(file.get(), text.data(), text.size()) < 0) std::perror(path.c_str());
}

int drive(int argc, char** argv) {
  process::reserve_standard_descriptors();
  const Options options = parse(argc, argv);
  process::ChildLists child_lists = process::open_child_lists();
  process::SignalFd signals;
  SystemClock clock;
  const Duration margin = std::clamp<Duration>(options.ttl / 20, 10ms, 200ms);
  const TimePoint start = BootClock::now();
  process::Leash leash{start + options.ttl, options.kill_after, margin};
  if (!options.end_file.empty()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(leash.valid_until() - BootClock::now());
    write_file(options.end_file,
               std::to_string(read_clocks().wall_us + static_cast<std::uint64_t>(left.count())) + '\n');
  }
  std::this_thread::sleep_for(options.delay);

  std::jthread keeper;
  const auto keep = [&options, &leash, start](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const Duration age = BootClock::now() - start;
      if (options.lose_after >= 0ms && age >= options.lose_after) return leash.lose(BootClock::now());
      if (options.extend_for < 0ms || age < options.extend_for) leash.extend(BootClock::now() + options.ttl);
      std::this_thread::sleep_for(std::min(options.ttl / 3, milliseconds{5}));
    }
  };
  const bool needs_keeper = options.extend_for != 0ms || options.lose_after >= 0ms;
  const auto start_keeper = [&] {
    if (needs_keeper) keeper = std::jthread{keep};
  };
  const auto note_end = [&options](const process::ExitReason&) {
    if (!options.ended_file.empty()) write_file(options.ended_file, "");
  };
  process::CommandResult outcome = process::run_command(options.spec, std::move(child_lists),
                                                        {.leash = leash, .signals = signals, .clock = clock},
                                                        {.long_run = start_keeper, .ended = note_end});

  const std::string message = process::message_of(outcome.exit_reason);
  if (!message.empty()) log::error(message);
  if (!options.report.empty()) {
    const std::string line =
        std::visit(Description{}, outcome.exit_reason) + (outcome.lease_lost ? " lost\n" : " held\n");
    write_file(options.report, line);
  }
  if (!options.spec.stop_when_lost && outcome.lease_lost) return exit_status::kLost;
  if (outcome.terminal_signal) {
    outcome.guard.end();
    signals.die_of(*outcome.terminal_signal);
  }
  return process::exit_status_of(outcome.exit_reason);
}

}  // namespace

int main(int argc, char** argv) {
  process::remember_title(argc, argv);
  try {
    return drive(argc, argv);
  } catch (const Error& error) {
    log::error(error.what());
    return error.status();
  }
}
