// Many processes that are hard to kill and leave a trace while they live, for tests/e2e/tree.bats.
//
//   crowd FILE COUNT [PERIOD_MS]   COUNT processes, ten children to each, half of them in a session of their own; all
//                                  ignore what can be ignored. Each writes the time into FILE every PERIOD_MS
//                                  (default 100).
//   crowd --ready FILE             prints how many have been started
//   crowd --last FILE              prints when one of them wrote last, in microseconds since 1970
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace {

// Where redlock fails, nobody else ends them.
constexpr std::int64_t kLifetimeUs = 30'000'000;

struct Trace {
  std::atomic<std::int64_t> last;
  std::atomic<std::int64_t> ready;
};

Trace* map_trace(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || ftruncate(fd, sizeof(Trace)) != 0) return nullptr;
  void* const page = mmap(nullptr, sizeof(Trace), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? nullptr : static_cast<Trace*>(page);
}

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

[[noreturn]] void live(Trace& trace, std::chrono::milliseconds period) {
  const std::int64_t end = now_us() + kLifetimeUs;
  while (now_us() < end) {
    const std::int64_t now = now_us();
    std::int64_t last = trace.last;
    while (last < now && !trace.last.compare_exchange_weak(last, now)) continue;
    std::this_thread::sleep_for(period);
  }
  _exit(0);
}

void gather(long number, long count, Trace& trace) {
  constexpr long children = 10;
  for (long child = number * children + 1; child <= number * children + children && child < count; ++child) {
    if (fork() != 0) continue;
    if (child % 2 == 0) setsid();
    ++trace.ready;
    return gather(child, count, trace);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first{argc > 2 ? argv[1] : ""};
  if (first.empty()) return EXIT_FAILURE;
  Trace* const trace = map_trace(first.substr(0, 2) == "--" ? argv[2] : argv[1]);
  if (trace == nullptr) return EXIT_FAILURE;
  if (first == "--ready") return std::printf("%ld\n", static_cast<long>(trace->ready)) > 0 ? 0 : 1;
  if (first == "--last") return std::printf("%ld\n", static_cast<long>(trace->last)) > 0 ? 0 : 1;
  for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) std::signal(signal, SIG_IGN);
  ++trace->ready;
  gather(0, std::atol(argv[2]), *trace);
  live(*trace, std::chrono::milliseconds{argc > 3 ? std::atol(argv[3]) : 100});
}
