#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace redlock::cli {

// A JSON document for output (RFC 8259). Members keep their order.
class Json {
 public:
  using Member = std::pair<std::string, Json>;

  Json() = default;  // null
  Json(bool value) : value_{value} {}
  Json(std::string_view value) : value_{std::string{value}} {}
  Json(const std::string& value) : value_{value} {}
  Json(const char* value) : value_{std::string{value}} {}
  template <std::integral Integer>
  Json(Integer value) : value_{static_cast<std::int64_t>(value)} {}

  static Json object(std::initializer_list<Member> members = {}) { return Json{Object{members}}; }
  static Json array(std::vector<Json> elements = {}) { return Json{std::move(elements)}; }

  // For objects only. Does not check whether the name exists already.
  void add(std::string name, Json value);
  // For arrays only.
  void push_back(Json element);

  // One line. Bytes that are not UTF-8 become U+FFFD, because JSON cannot express them.
  std::string dump() const;

 private:
  using Object = std::vector<Member>;
  using Array = std::vector<Json>;
  explicit Json(Object members) : value_{std::move(members)} {}
  explicit Json(Array elements) : value_{std::move(elements)} {}

  friend class JsonWriter;
  std::variant<std::monostate, bool, std::int64_t, std::string, Array, Object> value_;
};

// An array of strings.
inline Json names_to_json(const std::vector<std::string>& names) {
  return Json::array({names.begin(), names.end()});
}

}  // namespace redlock::cli
