#pragma once

#include <string>
#include <vector>

namespace redlock::cli {

// The whole terminal behind standard output, for a picture that is drawn again and again in place. What was there
// before comes back with leave(), or with the end of the object.
class Screen {
 public:
  Screen() = default;
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  // As many of the lines as there is room for; none may be wider than the terminal.
  void draw(const std::vector<std::string>& lines);
  void leave();

 private:
  bool entered_ = false;
};

}  // namespace redlock::cli
