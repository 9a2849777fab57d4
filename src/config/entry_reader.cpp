#include "config/entry_reader.hpp"

#include "base/text.hpp"
#include "config/suggest.hpp"

#include <fmt/format.h>

#include <utility>

namespace redlock::config {

EntryReader::EntryReader(const std::string& path) : path_{path}, shown_{printable(path)} {
}

Place EntryReader::place(TomlPosition at, std::string_view key) const {
  std::string text = fmt::format("{}:{}:{}", shown_, at.line, at.column);
  if (!key.empty()) text += fmt::format(": {}", printable(key));
  return {Place::Origin::File, std::move(text)};
}

void EntryReader::unknown_key(const TomlEntry& entry, std::string_view table, const Names& known) const {
  fail(place(entry.at),
       fmt::format("unknown key {} in {}; {}", quoted(entry.key, 64), table, suggestion(entry.key, known)));
}

const TomlNode::Entries& EntryReader::as_table(const TomlEntry& entry, std::string_view example) const {
  if (const auto* const table = std::get_if<TomlNode::Entries>(&entry.node.value)) return *table;
  fail(key_place(entry), fmt::format("it is {}, not a table; write {}", type_name(entry.node), example));
}

std::string EntryReader::as_string(const TomlEntry& entry) const {
  const auto* const value = std::get_if<std::string>(&entry.node.value);
  if (value == nullptr) {
    fail(value_place(entry), fmt::format("it is {}; it must be a string in quotes", type_name(entry.node)));
  }
  if (value->empty()) fail(value_place(entry), "it is empty; give it a value or leave it out");
  if (value->find('\0') != std::string::npos) fail(value_place(entry), "it holds a NUL byte; leave that out");
  return *value;
}

std::string EntryReader::as_path(const TomlEntry& entry) const {
  std::string value = as_string(entry);
  const std::size_t slash = path_.rfind('/');
  const bool relative = value.front() != '/' && slash != std::string::npos;
  return relative ? path_.substr(0, slash + 1) + value : value;
}

}  // namespace redlock::config
