#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"
#include "config/keys.hpp"
#include "config/settings.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace redlock::config::test {

// Sets variables, and puts them back as they were.
class Environment {
 public:
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const auto& [name, value] : before_) {
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
  }

  void set(const std::string& name, const std::string& value) {
    remember(name);
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  void unset(const std::string& name) {
    remember(name);
    ::unsetenv(name.c_str());
  }

 private:
  void remember(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    before_.try_emplace(name, value == nullptr ? std::nullopt : std::optional<std::string>{value});
  }
  std::map<std::string, std::optional<std::string>> before_;
};

// A folder of its own, and no setting from the machine that runs the test: REDLOCK_CONFIG names an empty file
// there.
class Fixture {
 public:
  Fixture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "redlock-config-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    for (const Key& key : kKeys) environment.unset(environment_name(key));
    environment.unset("REDLOCK_NODES");
    environment.set("HOME", path("home"));
    environment.set("XDG_CONFIG_HOME", path("xdg"));
    config("");
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    std::string file = path(name);
    std::filesystem::create_directories(std::filesystem::path{file}.parent_path());
    std::ofstream{file, std::ios::binary} << text;
    ::chmod(file.c_str(), mode);
    return file;
  }

  // Makes `text` the configuration file.
  void config(const std::string& text, mode_t mode = 0600) {
    environment.set("REDLOCK_CONFIG", write("config.toml", text, mode));
  }

  Settings load(const Flags& flags = {}, const std::string& name = "job") const {
    return config::load(flags, name);
  }

  // What load() says is wrong, with "CONFIG" for the path of the file; fails the test unless it throws
  // Expected.
  template <typename Expected = ConfigError>
  std::string problem(const Flags& flags = {}) const {
    try {
      static_cast<void>(load(flags));
    } catch (const Expected& error) {
      std::string text = error.what();
      const std::string file = path("config.toml");
      for (std::size_t at = text.find(file); at != std::string::npos; at = text.find(file)) {
        text.replace(at, file.size(), "CONFIG");
      }
      return text;
    } catch (const std::exception& error) {
      FAIL("another exception: " << error.what());
    }
    FAIL("no exception");
    return {};
  }

  // What load() writes to stderr, an exception's message at its end.
  std::string messages(const Flags& flags = {}) const {
    const std::string file = path("stderr");
    {
      const UniqueFd saved{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
      const UniqueFd capture{::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
      REQUIRE(::dup2(capture.get(), STDERR_FILENO) == STDERR_FILENO);
      std::string thrown;
      try {
        static_cast<void>(load(flags));
      } catch (const std::exception& error) {
        thrown = error.what();
      }
      REQUIRE(::write(STDERR_FILENO, thrown.data(), thrown.size()) == static_cast<ssize_t>(thrown.size()));
      REQUIRE(::dup2(saved.get(), STDERR_FILENO) == STDERR_FILENO);
    }
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  Environment environment;

 private:
  std::string folder_;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

inline Flags with_nodes(std::vector<std::string> urls) {
  Flags flags;
  flags.node_urls = std::move(urls);
  return flags;
}

inline Flags with_layer(Layer layer) {
  Flags flags;
  flags.layer = std::move(layer);
  return flags;
}

}  // namespace redlock::config::test
