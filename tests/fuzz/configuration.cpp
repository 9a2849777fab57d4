// A configuration file, as far as it is read without fetching passwords.
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "config/file.hpp"
#include "fuzz.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

using namespace redlock;
using fuzz::must;

namespace {

// A file without a disk, and its name.
UniqueFd file_with(const std::uint8_t* data, std::size_t size, std::string& path) {
  UniqueFd file{memfd_create("fuzz", MFD_CLOEXEC)};
  must(file && ::fchmod(file.get(), 0600) == 0, "there is a file");
  must(::write(file.get(), data, size) == static_cast<ssize_t>(size), "it can be written to");
  path = "/proc/self/fd/" + std::to_string(file.get());
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  log::set_level(log::Level::Error);
  std::string path;
  const UniqueFd file = file_with(data, size, path);
  try {
    const config::File read = config::load_file(path, "nightly-backup");
    for (const config::NodeEntry& node : read.nodes) {
      must(fuzz::presentable(node.endpoint.display()), "a node can be shown");
      must(!node.place.text.empty() && fuzz::presentable(node.place.text), "and so can its place");
    }
  } catch (const ConfigError& error) {
    const std::string_view message = error.what();
    must(fuzz::presentable(message), "a message is one line");
    must(message.find(path + ":") == 0, "and says where");
  }
  return 0;
}
