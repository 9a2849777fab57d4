#include "cli/json.hpp"

#include "base/overload.hpp"

#include <nlohmann/json.hpp>

namespace redlock::cli {

// nlohmann-json escapes and checks UTF-8. Only this file includes its headers.
class JsonWriter {
 public:
  using Document = nlohmann::ordered_json;

  static Document convert(const Json& json) {
    return std::visit(Overload{[](std::monostate) { return Document{}; },
                               [](const Json::Array& elements) {
                                 Document array = Document::array();
                                 for (const Json& element : elements) array.push_back(convert(element));
                                 return array;
                               },
                               [](const Json::Object& members) {
                                 Document object = Document::object();
                                 for (const auto& [name, value] : members) object[name] = convert(value);
                                 return object;
                               },
                               [](const auto& scalar) { return Document(scalar); }},
                      json.value_);
  }
};

void Json::add(std::string name, Json value) {
  std::get<Object>(value_).emplace_back(std::move(name), std::move(value));
}

void Json::push_back(Json element) {
  std::get<Array>(value_).push_back(std::move(element));
}

std::string Json::dump() const {
  return JsonWriter::convert(*this).dump(-1, ' ', false, JsonWriter::Document::error_handler_t::replace);
}

}  // namespace redlock::cli
