#pragma once

#include "quorum/types.hpp"
#include "whole/resp.hpp"
#include "whole/store.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::sim {

// A request of the algorithm that a node has executed, as the referee wants to know it.
struct Executed {
  std::vector<std::string> keys;  // the lock's, one a name
  quorum::Request request;
  quorum::Reply reply;
};

// What a script is called with.
struct ScriptCall {
  std::span<const std::string> keys;
  std::span<const std::string> argv;
  Store& store;
  const std::function<void(const std::string& channel, const std::string& message)>& publish;
  std::string& out;  // the reply, in the Redis protocol

  // ARGV[i], as Lua counts; empty where there are fewer.
  std::string_view arg(std::size_t i) const {
    return i <= argv.size() ? std::string_view{argv[i - 1]} : std::string_view{};
  }
};

// What a script means. Throws CommandError where the script ends with an error.
using Meaning = std::optional<Executed> (*)(const ScriptCall& call);

enum class ScriptKind { Acquire, Confirm, Extend, Release, Other };
std::string_view name_of(ScriptKind kind);

struct KnownScript {
  ScriptKind kind = ScriptKind::Other;
  Meaning meaning = nullptr;     // none: the program sends no such script
  std::optional<unsigned> db{};  // which it selects itself
};

// Recognizes a script by its text as the program sends it.
KnownScript known_script(std::string_view script);

}  // namespace redlock::sim
