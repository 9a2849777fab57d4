#pragma once

#include <string>
#include <vector>

namespace redlock::cli {

// The whole terminal of standard output, for a picture that is redrawn in place. leave() or the destructor restore the
// former content.
class Screen {
 public:
  Screen() = default;
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  // Draws as many of the lines as fit. None may be wider than the terminal.
  void draw(const std::vector<std::string>& lines);
  void leave();

 private:
  bool entered_ = false;
};

}  // namespace redlock::cli
