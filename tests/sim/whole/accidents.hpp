#pragma once

#include "setting.hpp"

#include <memory>
#include <vector>

namespace redlock::sim {

class Competitor;
class NodeServer;
class Program;

// What happens to nodes and machines by itself, in the time in which there is something to disturb. All must live as long
// as the world.
void plan_accidents(Setting& setting, const std::vector<std::unique_ptr<NodeServer>>& nodes,
                    const std::vector<Program*>& programs,
                    const std::vector<std::unique_ptr<Competitor>>& competitors);

}  // namespace redlock::sim
