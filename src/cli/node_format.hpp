#pragma once

#include "cli/json.hpp"
#include "cli/terminal/table.hpp"
#include "lock/soundness.hpp"

#include <string>
#include <vector>

// What is known of a node, as people and programs read it.
namespace redlock::cli {

// Titles and cells of the table, without the node's name and vote in front.
std::vector<std::string> report_titles();
std::vector<std::string> report_cells(const lock::NodeReport& report);

// What is wrong and what to do about it, without the node's name.
std::string explain(lock::Concern concern, quorum::NodeIndex node, const lock::NodeReport& report,
                    const lock::Onlooker& inspector);

// As the manual page documents it. `warnings` are explain()'s.
Json report_to_json(const std::string& url, bool votes, const lock::NodeReport& report,
                    const std::vector<std::string>& warnings);

}  // namespace redlock::cli
