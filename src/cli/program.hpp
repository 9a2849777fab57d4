#pragma once

namespace redlock::cli {

// The whole program: argv in, exit status out (DESIGN section 2). Throws nothing: the only catch is here.
int run_program(int argc, char** argv);

}  // namespace redlock::cli
