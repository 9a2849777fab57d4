#pragma once

#include "world.hpp"

#include <string>

namespace redlock::sim {

// One world in which whole programs run, from lock/ down to the bytes, from its seed to its end. As run_world() otherwise.
Result run_whole_world(const Request& request, std::string* trace = nullptr);

}  // namespace redlock::sim
