#pragma once

#include "cli/json.hpp"
#include "cli/terminal/table.hpp"
#include "lock/health.hpp"

#include <string>
#include <vector>

// The state of a node, for people and programs.
namespace redlock::cli {

// Titles and cells of the table, without name and vote of the node.
std::vector<std::string> report_titles();
std::vector<std::string> report_cells(const lock::NodeReport& report);

// Describes the problem and its remedy, without the name of the node.
std::string explain(lock::Issue issue, quorum::NodeIndex node, const lock::NodeReport& report,
                    const lock::Inspector& inspector);

// The JSON object in the manual page. `warnings` come from explain().
Json report_to_json(const std::string& url, bool votes, const lock::NodeReport& report,
                    const std::vector<std::string>& warnings);

}  // namespace redlock::cli
