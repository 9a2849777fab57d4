#include "cli/program.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/args/invocation.hpp"
#include "cli/commands/acquire.hpp"
#include "cli/commands/break.hpp"
#include "cli/commands/eval_refusal.hpp"
#include "cli/commands/extend_release.hpp"
#include "cli/commands/list.hpp"
#include "cli/commands/nodes.hpp"
#include "cli/commands/run.hpp"
#include "cli/commands/sandbox.hpp"
#include "cli/commands/status.hpp"
#include "config/url.hpp"
#include "process/descriptors.hpp"
#include "process/title.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::cli {
namespace {

struct Dispatch {
  ColorWish color;

  int operator()(const RunOptions& options) const { return run(options); }
  int operator()(const AcquireOptions& options) const { return acquire(options); }
  int operator()(const ExtendOptions& options) const { return extend(options); }
  int operator()(const ReleaseOptions& options) const { return release(options); }
  int operator()(const SandboxOptions& options) const { return sandbox(options); }
  int operator()(const StatusOptions& options) const { return status(options, color); }
  int operator()(const ListOptions& options) const { return list(options, color); }
  int operator()(const BreakOptions& options) const { return break_lock(options, color); }
  int operator()(const NodesOptions& options) const { return nodes(options, color); }
  int operator()(const Information& information) const {
    const bool written = std::fputs(information.text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    return written ? exit_status::kYes : exit_status::kSystem;
  }
};

// Takes users and passwords of nodes out of what ps(1) shows of us, and of the guard, which is forked from us.
// What stands behind "--" is the command's.
void mask_passwords(int argc, char** argv) {
  for (int i = 1; i < argc && std::string_view{argv[i]} != "--"; ++i) {
    const std::string_view userinfo = config::userinfo_of(argv[i]);
    if (userinfo.empty()) continue;
    std::fill_n(argv[i] + (userinfo.data() - argv[i]), userinfo.size() - 1, '*');
  }
}

// Not kept for longer than it takes to read them: passwords may be among them.
std::vector<std::string> arguments(int argc, char** argv) {
  return {argv + (argc > 0 ? 1 : 0), argv + argc};
}

int execute(int argc, char** argv) {
  try {
    process::reserve_standard_descriptors();
    const Invocation invocation = parse_command_line(arguments(argc, argv));
    mask_passwords(argc, argv);
    log::set_level(invocation.log_level);
    return std::visit(Dispatch{invocation.color}, invocation.what);
  } catch (const Error& error) {
    log::error(error.what());
    return error.status();
  } catch (const std::bad_alloc&) {
    log::error("out of memory");
    return exit_status::kSystem;
  } catch (const std::exception& error) {
    log::error(std::string{"internal error: "} + error.what());
    return exit_status::kInternal;
  }
}

}  // namespace

int run_program(int argc, char** argv) {
  process::remember_title(argc, argv);
  const int status = execute(argc, argv);
  if (status != exit_status::kYes && prints_for_eval(arguments(argc, argv))) refuse_eval(status);
  return status;
}

}  // namespace redlock::cli
