#include "process/title.hpp"

#include <sys/prctl.h>

#include <cstring>

namespace redlock::process {
namespace {

// The arguments are contiguous (execve(2)).
char* begin_of_arguments = nullptr;
char* end_of_arguments = nullptr;

}  // namespace

void remember_title(int argc, char** argv) noexcept {
  if (argc < 1 || argv[0] == nullptr) return;
  begin_of_arguments = argv[0];
  end_of_arguments = argv[0];
  for (int i = 0; i < argc && argv[i] == end_of_arguments; ++i) end_of_arguments += std::strlen(argv[i]) + 1;
}

void change_title(const char* name) noexcept {
  prctl(PR_SET_NAME, name);
  char* at = begin_of_arguments;
  for (; at < end_of_arguments - 1 && *name != '\0'; ++at, ++name) *at = *name;
  for (; at < end_of_arguments; ++at) *at = '\0';
}

}  // namespace redlock::process
