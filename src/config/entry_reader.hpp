#pragma once

#include "config/place.hpp"
#include "config/toml.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace redlock::config {

using Names = std::vector<std::string_view>;

// Reads entries of a configuration file as values of one type, and says where they stand. Each throws ConfigError with that
// place for a value of another type.
class EntryReader {
 public:
  // `path` must outlive this object.
  explicit EntryReader(const std::string& path);

  const std::string& path() const { return path_; }

  // The place of a value or of its key.
  Place place(TomlPosition at, std::string_view key = {}) const;
  Place value_place(const TomlEntry& entry) const { return place(entry.node.at, entry.key); }
  Place key_place(const TomlEntry& entry) const { return place(entry.at, entry.key); }

  [[noreturn]] void unknown_key(const TomlEntry& entry, std::string_view table, const Names& known) const;
  const TomlNode::Entries& as_table(const TomlEntry& entry, std::string_view example) const;
  std::string as_string(const TomlEntry& entry) const;
  // A relative path is one from the folder of the file, so it means the same wherever redlock is started.
  std::string as_path(const TomlEntry& entry) const;

 private:
  const std::string& path_;
  std::string shown_;
};

}  // namespace redlock::config
