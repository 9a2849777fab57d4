#pragma once

#include "clocks.hpp"
#include "keyspace.hpp"
#include "quorum/acquire_op.hpp"
#include "setting.hpp"
#include "views.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace redlock::sim {

// The outcome of the request of a round to one address.
struct Vote {
  quorum::RequestId id = 0;
  TimePoint sent{};                    // by the client's clock
  TimePoint read{};                    // the same
  const ServerView* server = nullptr;  // that answered
};

// Sees all of the world and knows what must be true in it. Every check that fails throws a Violation.
//
//  1. Exclusion (inside the model only): no lock is granted while the lease of another holder of one of its names is valid
//     by that holder's own clock.
//  2. Fences: a grant's fence is greater than that of every grant of one of its names before it, provided the two quorums share a
//     server that did not lose its memory in between, or that all wall clocks are right. Inside the model
//     "before" means: granted before; always it means: granted before the other's winning round began.
//  3. Hands off: no request of one token changes key or counter of a name while another's is there; and no confirmation
//     while its own is not; and no request that is refused for one name those of another.
//  4. A vote is a vote, of its round and for all names: the voters of a grant are a quorum of different servers, and each answer that made it a quorum was
//     read no later than the longest round after its own request.
//  5. Continuity: an extension succeeds only while the lease is valid, with a quorum of votes that the rule
//     of DESIGN section 3 lets count, one a server, for no
//     longer than its own attempt grants, and never after the token was gone from all servers.
//  6. Ghosts: the token of a client that has finished is on no server that a release could reach. Where addresses move,
//     nobody knows which those are.
//  7. Rests: nothing but a release of its own token changes a key that was left behind to rest; no lock is granted to another
//     while a quorum of servers has been told so, of which none has lost its memory since the grant; the fence counter lives
//     that much longer (inside the model).
//  8. Hands: an extension by hand succeeds only if nobody else had been granted the lock when it began; a lease that was
//     broken is not extended any more, provided that no server lost its memory since.
// The keys of one name as they were before a request.
struct Before {
  quorum::Token holder;
  quorum::Fence counter;
};

class Referee {
 public:
  explicit Referee(Setting& setting);
  // The configured addresses lead to these; servers are numbered in this order.
  void begin(const std::vector<ServerView*>& server_of_address);

  // ---- What the servers do. `before`: one for each of the names.
  void executed(const ServerView& server, const Command& command, const Names& names,
                const quorum::Reply& reply, const std::vector<Before>& before);
  // The key on this server is gone by its TTL.
  void expired(const ServerView& server, std::size_t name);
  // It goes by hand.
  void deleted(const ServerView& server, std::size_t name);
  // The server loses all that it has.
  void forgot(const ServerView& server);

  // ---- What the clients do.
  void asked(const ClientView& client, const quorum::Token& token);
  // `votes`: by address. `longest_round`: of any client, with what clocks may differ by.
  void granted(const ClientView& client, const quorum::Won& won, const std::vector<Vote>& votes,
               Instant round_began, Duration longest_round);
  void granted_to_foreigner(const ClientView& client, const quorum::Token& token, const Names& names,
                            TimePoint valid_until);
  // `asked`: when the attempt began. `known`: when its owner knew, by its clock.
  void extended(const quorum::Token& token, std::uint64_t attempt, Instant asked, TimePoint known,
                TimePoint valid_until, std::chrono::milliseconds ttl);
  // The same of an attempt before, if its answers are a success: a client that reads those of several at once tells of the
  // last alone.
  void extended_in_between(const quorum::Token& token, std::uint64_t attempt, Instant asked,
                           std::chrono::milliseconds ttl);
  void extended_by_hand(const quorum::Token& token, Instant asked, TimePoint known, TimePoint valid_until,
                        std::chrono::milliseconds ttl);
  // The holder stops relying on it.
  void ended(const quorum::Token& token);
  // From here on the token is nobody's business: its owner gives it back everywhere.
  void abandoned(const quorum::Token& token);
  // A release is owed until it is answered, or until `owed_until` by its owner's clock.
  void release_sent(const quorum::Token& token, quorum::NodeIndex address, TimePoint owed_until);
  // `refused`: the node has answered it with an error.
  void release_failed(const quorum::Token& token, quorum::NodeIndex address, bool refused);

  // No release could reach the server.
  void unreachable(const quorum::Token& token, quorum::NodeIndex address);

  // What somebody else does who knows the token.
  void hand_extends(const quorum::Token& token);
  void hand_extended(const quorum::Token& token, Instant asked, const Names& names);
  void breaks(const quorum::Token& token);
  void broke(const quorum::Token& token);

  // The world is over: nothing is under way any more.
  void final_whistle();

  std::size_t grants() const { return grants_.size(); }

 private:
  // One server, as far as one token is concerned.
  struct Planting {
    Instant at{};
    std::uint64_t by = 0;     // the attempt; 0: the acquisition
    quorum::Fence found = 0;  // the counter, at that time
    Instant crash{};          // the last of the server before it
  };
  // A rest on one server.
  struct Kept {
    std::int64_t last_ms;  // of the key
    Instant until;         // no earlier may another have the lock
  };
  struct Place {
    bool there = false;       // planted, and not seen to go
    Planting planting{};      // the last
    quorum::Fence fence = 0;  // the greatest that this server has granted or confirmed to it
    unsigned losses = 0;      // of the server, when it did
    std::map<std::uint64_t, Planting>
        found_by;                     // the keeper's attempts that found it there, and what they found
    Instant found_by_hand{};          // the last time that an extension by hand did
    std::optional<Instant> counted;   // planted then, it counted in the last extension
    std::optional<Instant> outlived;  // its TTL ended then
    Instant released_at{};            // the last release that was executed
    Instant noted_until{};            // by its note, if it left one
    bool vouched = false;             // the fence was written down when nobody else had been granted the lock
    TimePoint owed_until{};           // of the last release that was sent
    bool unreachable = false;         // it failed, and was owed to the end, or the node has refused it
    std::optional<Kept> rest;         // it was left there
  };
  struct Story {
    const ClientView* owner = nullptr;
    Names names;
    std::vector<Place> places;           // per server and name
    std::optional<Instant> wholly_lost;  // not later than this
    Instant abandoned_at = Instant::max();
    std::optional<std::size_t> grant;
    bool extended_elsewhere = false;  // by a hand, whose requests may be under way
    bool broken_by_hand = false;      // or somebody is about to
    struct Broken {
      Instant at;
      unsigned losses;
    };
    std::optional<Broken> broken;
    std::map<std::size_t, Instant>
        proven_by_hand;  // the last extension of a name by a hand that succeeded was asked for then
  };
  struct Grant {
    const ClientView* client;
    quorum::Token token;
    Names names;
    bool foreign;
    bool active;
    TimePoint valid_until;  // by the client's clock
    quorum::Fence fence;
    Instant at;
    Instant last_asked;  // when the last successful attempt began
    Duration longest_round;
    std::vector<std::pair<std::size_t, unsigned>> confirmed;  // servers, and how often they had lost all
    std::vector<std::pair<std::size_t, unsigned>> votes;
  };

  Story& story(const quorum::Token& token);
  std::size_t at(std::size_t server, std::size_t name) const;
  void executed_on(const ServerView& server, const Command& command, std::size_t name,
                   const quorum::Reply& reply, const Before& before);
  // What a server's answer adds to an extension. Unbroken: the token was there when the last successful attempt began.
  enum class Worth { Nothing, Proven, Unbroken };
  struct Votes {
    std::size_t counted = 0;
    std::size_t unbroken = 0;
  };
  Worth worth_to_keeper(const Grant& grant, const Place& place, std::uint64_t attempt, Instant asked) const;
  template <class Judge>
  Votes count(const Story& tale, Judge judge) const;
  bool suffice(const Votes& votes) const;
  template <class Judge>
  void check_extension(const quorum::Token& token, Instant asked, TimePoint known, TimePoint valid_until,
                       std::chrono::milliseconds ttl, Judge judge);
  void check_exclusion(const ClientView& client, const Names& names);
  void note_rest(const ServerView& server, const quorum::ReleaseRequest& release, std::size_t name,
                 Place& place);
  void check_rest_untouched(const ServerView& server, const Command& command, std::size_t name,
                            const quorum::Token& resting);
  void check_rests(const ClientView& client, const quorum::Token& token, const Names& names);
  void check_voters(const ClientView& client, const quorum::Won& won, const std::vector<Vote>& votes,
                    Duration longest_round);
  void check_fence(const Grant& later, Instant round_began);
  bool granted_since(const Story& tale) const;
  bool anywhere_but(const quorum::Token& token, const ServerView& except, std::size_t name) const;
  void check_ghosts(const quorum::Token& token, const Story& tale);

  Setting& setting_;
  std::vector<ServerView*> server_of_address_;
  std::vector<ServerView*> servers_;
  unsigned losses_ = 0;  // of all servers
  std::map<quorum::Token, Story> stories_;
  std::vector<Grant> grants_;
};

}  // namespace redlock::sim
