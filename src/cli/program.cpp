#include "cli/program.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/args/parse.hpp"
#include "cli/commands/eval_refusal.hpp"
#include "cli/terminal/output.hpp"
#include "config/url.hpp"
#include "process/descriptors.hpp"
#include "process/title.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::cli {
namespace {

log::Level level_of(const Arguments& arguments) {
  if (arguments.quiet) return log::Level::Error;
  return arguments.verbose ? log::Level::Debug : log::Level::Notice;
}

// Hides users and passwords of nodes from ps(1), for this process and those forked from it. The words after "--" belong to
// the command.
void mask_passwords(int argc, char** argv) {
  for (int i = 1; i < argc && std::string_view{argv[i]} != "--"; ++i) {
    const std::string_view userinfo = config::userinfo_of(argv[i]);
    if (userinfo.empty()) continue;
    std::fill_n(argv[i] + (userinfo.data() - argv[i]), userinfo.size() - 1, '*');
  }
}

// Callers must not keep the result: it may contain passwords.
std::vector<std::string> arguments(int argc, char** argv) {
  return {argv + (argc > 0 ? 1 : 0), argv + argc};
}

int execute(int argc, char** argv) {
  try {
    process::reserve_standard_descriptors();
    const Invocation invocation = parse_command_line(arguments(argc, argv));
    mask_passwords(argc, argv);
    if (invocation.command == nullptr) {
      print(invocation.text);
      return exit_status::kYes;
    }
    log::set_level(level_of(invocation.arguments));
    return invocation.command->execute(invocation.arguments);
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
