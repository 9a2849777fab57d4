#pragma once

#include "referee.hpp"
#include "setting.hpp"
#include "whole/tap.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace redlock::sim {

class Program;

// Reads along with one program, and tells the referee what it has asked for and what it knows: the program itself is the
// shipped one, and tells nobody.
class Witness final : public Tap::Listener {
 public:
  Witness(Setting& setting, Referee& referee, Program& program);

  void asked(std::size_t address, Asked& request) override;
  void read_reply(std::size_t address, const Asked& request) override;

  // ---- What its body knows
  void won(const quorum::Won& won, Duration configured_timeout);
  void extended(const quorum::Token& token, TimePoint valid_until, std::chrono::milliseconds ttl);
  void extended_by_hand(const quorum::Token& token, TimePoint valid_until, std::chrono::milliseconds ttl);
  // It no longer relies on the lease.
  void ended(const quorum::Token& token);
  // The attempt that was under way is over, and not won: from here on its token is owed a release, whether or not one can be
  // written.
  void gave_up();
  // A call has returned that gave back, or had to give back, all that it had begun, for which it had `allowance`.
  // `elsewhere`: in another process than the one that acquired.
  void gave_back(Duration allowance, bool elsewhere = false);
  // The same, of a process that ends and leaves the lock that it holds to another: what it had given up before.
  void left(Duration allowance, bool elsewhere = false);

  Instant last_acquire() const { return last_acquire_; }
  // When it last wrote anything about the lock to a node.
  Instant last_asked() const { return last_asked_; }

  // The world is over: excuses what no release could reach.
  void excuse();

 private:
  // One token that the program has asked for, and what became of it.
  struct Mine {
    Instant asked{};
    Instant alive{};  // the last sign that it was wanted: no earlier was it given up
    Instant abandoned = Instant::max();
    Instant returned = Instant::max();  // of the call that gave it back
    Duration allowance{};
    bool elsewhere = false;                  // in another process than the one that acquired
    std::map<std::size_t, Instant> written;  // when a release was last written, by address
    std::set<std::size_t> refused;           // addresses that answered a release with an error
    std::set<std::size_t> released;          // and those that did not
  };

  void begin_round(std::size_t address, const Asked& request);
  void show_alive(const std::string& token);
  void abandon(const std::string& token);
  bool is_excused(const Mine& mine, std::size_t address) const;
  Instant began(TimePoint valid_until, std::chrono::milliseconds ttl) const;

  Setting& setting_;
  Referee& referee_;
  Program& program_;
  std::uint64_t number_ = 0;  // of the last request
  std::string token_;         // of the last acquire
  std::uint64_t proposal_ = 0;
  Instant last_acquire_ = Instant::min();
  Instant last_asked_ = Instant::min();
  Instant round_began_{};
  std::vector<Vote> votes_;
  std::map<std::uint64_t, Instant>
      attempts_;                    // of the extensions of the present lease: the first request of each
  std::uint64_t last_success_ = 0;  // among them
  std::map<std::string, Mine> mine_;
};

}  // namespace redlock::sim
