#include "net/resolver.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <netdb.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace redlock::net {

// Shared by the thread and the Lookup; the one that ends last frees it.
struct Lookup::Exchange {
  UniqueFd ready;
  std::mutex mutex;
  std::optional<Answer> answer;  // guarded by `mutex`
};

namespace {

Lookup::Answer failed(std::string why) {
  return ConnectionFailure{.kind = ConnectionFailure::Kind::Unresolved, .detail = std::move(why)};
}

int ask(const std::string& host, std::uint16_t port, int flags, addrinfo** found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  return getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, found);
}

std::string why(int error) {
  switch (error) {
    case EAI_SYSTEM: return errno_text(errno);
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY: return "no such name, or it has no address";
    case EAI_AGAIN: return "no name server has answered";
    default: return gai_strerror(error);
  }
}

// AI_ADDRCONFIG spares those without IPv6 a question to their name server. But it does not count loopback
// addresses, so that it hides a name that leads to ::1 alone.
Lookup::Answer resolve(const std::string& host, std::uint16_t port) {
  addrinfo* found = nullptr;
  int error = ask(host, port, AI_ADDRCONFIG | AI_NUMERICSERV, &found);
  if (error == EAI_ADDRFAMILY || error == EAI_NODATA || error == EAI_NONAME) {
    error = ask(host, port, AI_NUMERICSERV, &found);
  }
  if (error != 0) return failed(why(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned{found, &freeaddrinfo};
  std::vector<Address> addresses;
  for (const addrinfo* next = found; next != nullptr; next = next->ai_next) {
    Address address;
    if (next->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, next->ai_addr, next->ai_addrlen);
    address.length = next->ai_addrlen;
    addresses.push_back(address);
  }
  if (addresses.empty()) return failed("no address");
  addresses = families_in_turn(std::move(addresses));
  if (addresses.size() > Lookup::kMostAddresses) addresses.resize(Lookup::kMostAddresses);
  return addresses;
}

// Blocks every signal while it lives, so that a thread started meanwhile takes none that is meant for the
// main thread.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &found_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &found_, nullptr); }

 private:
  sigset_t found_{};
};

}  // namespace

std::vector<Address> families_in_turn(std::vector<Address> addresses) {
  if (addresses.empty()) return addresses;
  const int first = addresses.front().family();
  const auto others = std::stable_partition(addresses.begin(), addresses.end(),
                                            [&](const Address& a) { return a.family() == first; });
  std::vector<Address> in_turn;
  in_turn.reserve(addresses.size());
  for (auto one = addresses.begin(), other = others; one != others || other != addresses.end();) {
    if (one != others) in_turn.push_back(*one++);
    if (other != addresses.end()) in_turn.push_back(*other++);
  }
  return in_turn;
}

Lookup::Lookup(const std::string& host, std::uint16_t port) : shared_{std::make_shared<Exchange>()} {
  shared_->ready.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared_->ready) {
    shared_->answer = failed(errno_text(errno));
    return;
  }
  try {
    const AllSignalsBlocked blocked;
    std::thread{[shared = shared_, host, port] {
      Answer answer = resolve(host, port);
      const std::lock_guard lock{shared->mutex};
      shared->answer = std::move(answer);
      eventfd_write(shared->ready.get(), 1);
    }}.detach();
  } catch (const std::system_error& error) {
    shared_->answer = failed("no thread for it: " + errno_text(error.code().value()));
    shared_->ready.reset();
  }
}

int Lookup::fd() const noexcept {
  return shared_->ready.get();
}

std::optional<Lookup::Answer> Lookup::take() {
  const std::lock_guard lock{shared_->mutex};
  return std::exchange(shared_->answer, std::nullopt);
}

}  // namespace redlock::net
