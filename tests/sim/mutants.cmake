# A mutant is the simulator with one source file of src/quorum changed in one place. That the production code
# has no switch for it is the point: what is tested is what is shipped.

set(sim_mutant_schedules 100000)

# sim_mutant(NAME FILE OLD NEW): all occurrences of the text OLD in src/quorum/FILE become NEW. OLD must be
# there: whoever changes the line must say here what its fault would be now.
function(sim_mutant name file old new)
  set(source ${sim_source}/quorum/${file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  string(FIND "${text}" "${old}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "mutant ${name}: src/quorum/${file} does not contain: ${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  set(mutated ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}/${file})
  file(CONFIGURE OUTPUT ${mutated} CONTENT "${text}" @ONLY)  # writes only what differs
  get_filename_component(part ${file} NAME_WE)
  sim_executable(redlock-sim-${name} ${part} ${mutated})
  # What the change leaves unused is not worth a word.
  target_compile_options(redlock-sim-${name} PRIVATE -Wno-unused -Wno-unused-parameter)
  sim_mutant_test(${name} redlock-sim-${name} ${ARGN})
endfunction()

# A fault of the simulated driver or scripts, which is a flag of the simulator.
function(sim_defect name)
  sim_mutant_test(${name} redlock-sim --defect ${name} ${ARGN})
endfunction()

function(sim_mutant_test name)
  add_test(NAME "simulation notices: ${name}"
           COMMAND ${ARGN} --expect-violation --schedules ${sim_mutant_schedules})
endfunction()

# ---- Acquire
sim_mutant(quorum-less-one membership.cpp "set.votes() >= votes_needed(nodes())" "set.votes() + 1 >= votes_needed(nodes())")
sim_mutant(no-drift acquire_op.cpp "return validity_end(round_.began, rules_.ttl);"
           "return round_.began + rules_.ttl;")
sim_mutant(validity-not-checked acquire_op.cpp
           "if (valid_until() - now.boot <= rules_.least_validity)" "if (false)")
sim_mutant(validity-from-the-answer acquire_op.cpp "return win(now);"
           "{ round_.began = now.boot; return win(now); }")
sim_mutant(late-vote-counts acquire_op.cpp "now.boot <= vote.sent + rules_.node_timeout" "true")
sim_mutant(no-write-back acquire_op.cpp ": fence == fence_;" ": fence <= fence_;")
sim_mutant(late-set-not-cleaned node_vote.cpp "if (may_have_held || pending() || granted() != nullptr) return true;"
           "if (granted() != nullptr) return true;")

# ---- Release
sim_mutant(broken-release-not-repeated pending_releases.cpp "failure.connection_gone ||"
           "(failure.connection_gone && !failure.may_have_arrived) ||")
sim_mutant(refused-release-not-repeated pending_releases.cpp "failure.connection_gone ||"
           "(failure.connection_gone && failure.may_have_arrived) ||")
sim_mutant(releases-of-earlier-attempts-forgotten pending_releases.cpp "releases_.push_back("
           "std::erase_if(releases_, [&](const OwedRelease& each) {
             return std::get<quorum::ReleaseRequest>(each.send.request).token !=
                    std::get<quorum::ReleaseRequest>(release.request).token; });
           releases_.push_back(")
sim_mutant(broken-without-a-note release_op.cpp ".request = release_" ".request = ReleaseRequest{.token = release_.token}")

# ---- Who votes
sim_mutant(same-server-votes-twice membership.cpp "return std::pair{a, b};" "return std::nullopt;")
sim_mutant(restarted-node-votes membership.cpp "? VoteEligibility::Quarantined" "? VoteEligibility::Voter")
sim_mutant(uptime-taken-at-its-word membership.cpp "- std::chrono::seconds{1}" "")

# ---- Extend
sim_mutant(lost-lock-resurrected lease.cpp "if (any_continuous && membership_.is_quorum" "if (membership_.is_quorum")
sim_mutant(restored-vote-counts-at-once token_record.cpp "token.since < attempt && " "")
sim_mutant(restored-vote-without-proof token_record.cpp "token.clean && " "")
sim_mutant(restored-vote-before-rivals-are-done token_record.cpp "return !token.crashed_by || " "return true || ")
sim_mutant(rivals-bound-cut-to-our-ttl lease.cpp "tokens_{membership, won.fence, rules.node_timeout}"
           "tokens_{membership, won.fence, std::min(rules.node_timeout, Duration{rules.ttl} / 3)}")
sim_mutant(server-counts-twice-in-a-lease membership.cpp "identity.run_id.empty() ? node :" "true ? node :")
sim_mutant(answer-counts-for-a-later-attempt lease.cpp "validity_end(attempt.began, rules_.ttl)"
           "validity_end(attempts_.back().began, rules_.ttl)")
sim_mutant(extension-counted-for-too-long lease.cpp "validity_end(attempt.began, rules_.ttl)"
           "validity_end(attempt.began + failed_after(rules_), rules_.ttl)")
sim_mutant(answer-after-the-end-counts lease.cpp "if (now.boot >= give_up_at()) {  // an answer" "if (false) {  // an answer")

# ---- Extend by hand
sim_mutant(by-hand-quorum-less-one extend_op.cpp "if (membership_.is_quorum(nodes)) return"
           "if (nodes.votes() + 1 >= votes_needed(membership_.nodes())) return")
sim_mutant(by-hand-counted-from-the-answer extend_op.cpp ".valid_until = end"
           ".valid_until = validity_end(now.boot, request_.ttl)")
sim_mutant(by-hand-plants-before-the-quorum extend_op.cpp ".attempt = kAsking, .repair = false"
           ".attempt = kLeastWallAttempt, .repair = true")
sim_mutant(by-hand-counter-not-compared extend_op.cpp "known > 0 ? known : token.said.counter" "known")
sim_mutant(by-hand-fence-guessed extend_op.cpp "if (token.votes) known = std::max(known, token.said.fence);"
           "if (token.votes) known = std::max({known, token.said.fence, token.said.counter});")

# ---- Wait
sim_mutant(key-changes-dropped waiter.cpp "nodes_[node].told = true;" "" --waiting)
sim_mutant(never-polls waiter.cpp "react(now, WaiterEvent::PollDue)" "plan_poll(now)" --waiting)
sim_mutant(never-sweeps-the-dead waiter.cpp "Try{.in_turn = true}" "Try{.in_turn = false}"
           --waiting)
sim_mutant(calls-not-heard waiter.cpp "if (node != home_ ||" "if (true ||" --waiting)
sim_mutant(lease-end-not-watched waiter.cpp "if (expiry_due() <= now) {" "if (false) {" --waiting)
sim_mutant(missed-changes-not-asked-for waiter.cpp "react(now, WaiterEvent::Hears)" "static_cast<void>(now)" --waiting)

# ---- The driver and the scripts
sim_defect(monotonic-clock)
sim_defect(extension-shortens)
sim_defect(release-without-compare)
sim_defect(unconditional-write-back)
sim_defect(identity-forgotten)
sim_defect(release-overtakes-acquire)
sim_defect(note-only-on-the-token)

# ---- The whole stack: faults of src/lock and src/redis, which whole worlds must reveal

# whole_mutant(NAME FILE OLD NEW [FAULTS]): as sim_mutant, of src/FILE. FAULTS: those among which it shows soon.
function(whole_mutant name file old new)
  set(source ${sim_source}/${file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  string(FIND "${text}" "${old}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "mutant ${name}: src/${file} does not contain: ${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  set(mutated ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}/${file})
  file(CONFIGURE OUTPUT ${mutated} CONTENT "${text}" @ONLY)
  sim_executable(redlock-sim-${name} "" ${mutated})
  target_compile_options(redlock-sim-${name} PRIVATE -Wno-unused -Wno-unused-parameter)
  if(ARGN)
    set(faults --faults ${ARGN})
  endif()
  add_test(NAME "whole simulation notices: ${name}"
           COMMAND redlock-sim-${name} --whole --expect-violation --schedules ${whole_schedules} ${faults})
endfunction()

whole_mutant(release-dropped-on-reconnect lock/driver.cpp
             "for (const quorum::Send& release : due.again) nodes_.send(release);" "")
whole_mutant(earlier-release-counts-for-a-later-key redis/link.cpp " && pending.token == key_.token" "")
whole_mutant(answer-taken-for-anothers redis/request_queue.cpp "return pending.written == 0;" "return true;")
whole_mutant(rest-of-an-overdue-request-is-sent redis/link.cpp "if (half_written)" "if (false)"
             pieces,jitter,half-closes)
whole_mutant(deadline-of-a-request-not-honoured redis/request_queue.cpp
             "if (!pending.settled) next = std::min(next, limit(pending, connected));" "")
whole_mutant(deadline-of-an-operation-not-honoured lock/driver.cpp
             "if (operation != nullptr) until = std::min(until, operation->deadline());" "")
whole_mutant(subscription-not-renewed redis/subscription.cpp "timer_ = now + times(rest_" "timer_ = TimePoint::max() - times(rest_"
             cuts)
