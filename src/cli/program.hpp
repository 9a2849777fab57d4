#pragma once

namespace redlock::cli {

// The whole program: argv in, exit status out (DESIGN section 2). Throws nothing.
int run_program(int argc, char** argv);

}  // namespace redlock::cli
