# A mutant is the simulator with one source file of src changed in one place. That the production code
# has no switch for it is the point: what is tested is what is shipped.

set(sim_mutant_schedules 100000)
set(whole_mutant_schedules 3000)

# Writes src/FILE with all occurrences of the text OLD turned to NEW, and says where. OLD must be there: whoever changes
# the line must say here what its fault would be now.
function(mutate name file old new mutated)
  set(source ${sim_source}/${file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  string(FIND "${text}" "${old}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "mutant ${name}: src/${file} does not contain: ${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  set(path ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}/${file})
  file(CONFIGURE OUTPUT ${path} CONTENT "${text}" @ONLY)  # writes only what differs
  set(${mutated} ${path} PARENT_SCOPE)
endfunction()

# sim_mutant(NAME FILE OLD NEW [OPTIONS]): a part of the fast simulator with a fault, and the options with which it shows.
function(sim_mutant name file old new)
  mutate(${name} ${file} "${old}" "${new}" mutated)
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

# With STAMPEDE the stampedes must reveal it, and else the schedules.
function(sim_mutant_test name)
  if("STAMPEDE" IN_LIST ARGN)
    list(REMOVE_ITEM ARGN STAMPEDE)
    add_test(NAME "simulation notices: ${name}" COMMAND ${ARGN} --stampede 300 --threads 2)
    set_tests_properties("simulation notices: ${name}" PROPERTIES WILL_FAIL TRUE)
  else()
    add_test(NAME "simulation notices: ${name}"
             COMMAND ${ARGN} --expect-violation --schedules ${sim_mutant_schedules})
  endif()
endfunction()

# ---- Acquire
sim_mutant(quorum-less-one quorum/membership.cpp "set.votes() >= votes_needed(nodes())" "set.votes() + 1 >= votes_needed(nodes())")
sim_mutant(no-drift quorum/acquire_op.cpp "return validity_end(round_.began, rules_.ttl);"
           "return round_.began + rules_.ttl;")
sim_mutant(validity-not-checked quorum/acquire_op.cpp
           "if (valid_until() - now.boot <= rules_.least_validity)" "if (false)")
sim_mutant(validity-from-the-answer quorum/acquire_op.cpp "return win(now);"
           "{ round_.began = now.boot; return win(now); }")
sim_mutant(late-vote-counts quorum/acquire_op.cpp "now.boot <= sent + rules_.node_timeout" "true")
sim_mutant(votes-of-an-earlier-round-count quorum/acquire_op.cpp ".answer = Awaited{},"
           ".answer = kept && vote.granted() != nullptr ? vote.answer : AcquireAnswer{Awaited{}},")
sim_mutant(no-write-back quorum/node_vote.cpp ": granted == fence;" ": granted <= fence;"
           --faults wall-jumps,jitter,lost-requests,client-pauses)
sim_mutant(late-set-not-cleaned quorum/node_vote.cpp "if (may_have_held || pending() || granted() != nullptr) return true;"
           "if (granted() != nullptr) return true;")

# Liveness: who has yielded asks again without a look, and disturbs the strongest.
sim_mutant(yields-without-a-probe quorum/acquire_op.cpp
           "if (phase_ == RoundPhase::Yielding && now.boot < rules_.give_up_at) return probe(now);" ""
           STAMPEDE)
sim_mutant(nobody-yields quorum/acquire_op.cpp "!stuck && SplitPolicy::is_strongest(token_, count)" "!stuck" STAMPEDE)

# ---- Slots
sim_mutant(slot-won-with-votes-for-another quorum/acquire_op.cpp ".answer = Awaited{},"
           ".answer = slots_.any() && !kept && vote.granted() != nullptr ? vote.answer : AcquireAnswer{Awaited{}},"
           STAMPEDE)
sim_mutant(another-slot-released quorum/acquire_op.cpp "ReleaseRequest{.token = token_, .slot = slots_.current()}"
           "ReleaseRequest{.token = token_, .slot = slots_.any() ? Slot{1} : Slot{0}}")
sim_mutant(another-slot-extended quorum/lease.cpp ".slot = won.slot" ".slot = won.slot > 1 ? won.slot - 1 : won.slot")
# Liveness: as many win as there are slots, and soon.
sim_mutant(all-slots-taken-by-too-few quorum/slot_choice.cpp "return membership.is_quorum(each.second);" "return true;"
           STAMPEDE)
sim_mutant(gives-up-where-its-slot-is-taken quorum/acquire_op.cpp
           "slots_.any() ? judge_slots(now, count) : judge_names(now, count)" "judge_names(now, count)" STAMPEDE)
sim_mutant(all-try-the-first-slot quorum/slot_choice.cpp "1 + entropy.next() % slots" "1 + 0 * entropy.next()" STAMPEDE)

sim_mutant(waits-where-another-slot-is-free quorum/acquire_op.cpp
           "slots_.any() ? judge_slots(now, count) : judge_names(now, count)" "judge_names(now, count)" --waiting)
sim_mutant(slot-taken-for-free-by-too-few quorum/slot_choice.cpp "slot != except && membership.is_quorum(nodes)"
           "slot != except && nodes.votes() > 0" STAMPEDE)

# ---- Release
sim_mutant(broken-release-not-repeated lock/pending_releases.cpp "failure.connection_gone ||"
           "(failure.connection_gone && !failure.may_have_arrived) ||")
sim_mutant(refused-release-not-repeated lock/pending_releases.cpp "failure.connection_gone ||"
           "(failure.connection_gone && failure.may_have_arrived) ||")
sim_mutant(releases-of-earlier-attempts-forgotten lock/pending_releases.cpp "releases_.push_back("
           "std::erase_if(releases_, [&](const OwedRelease& each) {
             return std::get<quorum::ReleaseRequest>(each.send.request).token !=
                    std::get<quorum::ReleaseRequest>(release.request).token; });
           releases_.push_back(")
sim_mutant(broken-without-a-note quorum/release_op.cpp "open_.begin_all(release_," "open_.begin_all(ReleaseRequest{.token = release_.token},")

# ---- Who votes
set(unequal_ttls amnesia,outages)  # see World::plan_unequal_ttls
sim_mutant(same-server-votes-twice quorum/membership.cpp "return std::pair{a, b};" "return std::nullopt;")
sim_mutant(restarted-node-votes quorum/membership.cpp "? VoteEligibility::Quarantined" "? VoteEligibility::Voter")
sim_mutant(quarantine-never-raised quorum/seen_holders.cpp "if (answer.refused == nullptr) return;" "return;"
           --faults ${unequal_ttls})
sim_mutant(seen-holder-never-gone quorum/seen_holders.cpp "if (deleted != sightings_.end()) {" "if (false) {"
           --faults ${unequal_ttls})
sim_mutant(seen-holder-gone-at-once quorum/seen_holders.cpp
           ".gone_by = answer.read + left + clock_drift(left)" ".gone_by = answer.read" --faults ${unequal_ttls})
sim_mutant(forgotten-holder-taken-for-gone quorum/seen_holders.cpp "seen.server && seen.server == answer.server" "true"
           --faults ${unequal_ttls})
sim_mutant(uptime-taken-at-its-word quorum/membership.cpp "- std::chrono::seconds{1}" "")

# ---- Extend
sim_mutant(lost-lock-resurrected quorum/lease.cpp "if (any_continuous && membership_.is_quorum" "if (membership_.is_quorum")
sim_mutant(restored-vote-counts-at-once quorum/token_record.cpp "token.since < attempt && " "")
sim_mutant(restored-vote-without-proof quorum/token_record.cpp "token.clean && " "")
sim_mutant(restored-vote-before-rivals-are-done quorum/token_record.cpp "return !token.crashed_by || " "return true || ")
sim_mutant(rivals-bound-cut-to-our-ttl quorum/lease.cpp "tokens_{membership, won.fence, rules.node_timeout}"
           "tokens_{membership, won.fence, std::min(rules.node_timeout, Duration{rules.ttl} / 3)}")
sim_mutant(server-counts-twice-in-a-lease quorum/membership.cpp "identity.run_id.empty() ? node :" "true ? node :")
sim_mutant(answer-counts-for-a-later-attempt quorum/lease.cpp "validity_end(attempt.began, rules_.ttl)"
           "validity_end(attempts_.back().began, rules_.ttl)")
sim_mutant(extension-counted-for-too-long quorum/lease.cpp "validity_end(attempt.began, rules_.ttl)"
           "validity_end(attempt.began + failed_after(rules_), rules_.ttl)")
sim_mutant(answer-after-the-end-counts quorum/lease.cpp "if (now.boot >= give_up_at()) {  // an answer" "if (false) {  // an answer")

# ---- Extend by hand
sim_mutant(by-hand-quorum-less-one quorum/extend_op.cpp "if (membership_.is_quorum(nodes)) return"
           "if (nodes.votes() + 1 >= votes_needed(membership_.nodes())) return")
sim_mutant(by-hand-counted-from-the-answer quorum/extend_op.cpp ".valid_until = end"
           ".valid_until = validity_end(now.boot, request_.ttl)")
sim_mutant(by-hand-plants-before-the-quorum quorum/extend_op.cpp ".attempt = kAsking, .repair = false"
           ".attempt = kLeastWallAttempt, .repair = true")
sim_mutant(by-hand-counter-not-compared quorum/extend_op.cpp "known > 0 ? known : token.said.counter" "known")
sim_mutant(by-hand-fence-guessed quorum/extend_op.cpp "if (token.votes) known = std::max(known, token.said.fence);"
           "if (token.votes) known = std::max({known, token.said.fence, token.said.counter});")

# ---- Wait
sim_mutant(key-changes-dropped quorum/waiter.cpp "nodes_[node].told = true;" "" --waiting)
sim_mutant(never-polls quorum/waiter.cpp "react(now, WaiterEvent::PollDue)" "plan_poll(now)" --waiting)
sim_mutant(silent-node-never-asked-again quorum/waiter_nodes.cpp "(node.answers || what == Probe::Holder)"
           "node.answers" --waiting)
sim_mutant(passed-over-and-no-bar quorum/waiter.cpp "passed_over_ = passed_over_ ||" "passed_over_ = false; static_cast<void>" --waiting)
sim_mutant(never-sweeps-the-dead quorum/waiter.cpp "Try{.in_turn = true" "Try{.in_turn = false"
           --waiting)
sim_mutant(calls-not-heard quorum/waiter.cpp "if (node != nodes_.home() ||" "if (true ||" --waiting)
sim_mutant(lease-end-not-watched quorum/waiter.cpp "if (expiry_due() <= now) {" "if (false) {" --waiting)
sim_mutant(missed-changes-not-asked-for quorum/waiter.cpp "react(now, WaiterEvent::Hears)" "static_cast<void>(now)" --waiting)

# ---- The driver and the scripts
sim_defect(monotonic-clock)
sim_defect(extension-shortens)
sim_defect(release-without-compare)
sim_defect(unconditional-write-back)
sim_defect(identity-forgotten)
sim_defect(release-overtakes-acquire)
sim_defect(rest-outlives-counter)
sim_defect(rest-is-cut-short)
sim_defect(rest-is-shortened)
# Caught soon only where a hand often reaches a node that the holder does not.
sim_defect(note-only-on-the-token --faults jitter,hands,cuts,outages,lost-requests,client-pauses)
sim_defect(rest-is-restored --faults jitter,hands,cuts,outages,lost-requests,client-pauses)
sim_defect(rest-sets-the-key)
sim_defect(votes-for-some-names)
sim_defect(one-counter-raised)
sim_defect(sets-what-is-free)
# Only hands that delete one key make a lock that is there in part.
sim_defect(part-set-anew-unseen --faults jitter,hand-deletes,cuts,lost-replies,client-pauses)
sim_defect(extends-the-rest --faults jitter,hand-deletes,cuts,lost-replies,client-pauses)
sim_defect(releases-one-name)
sim_defect(counts-entries)
# Among philosophers.
sim_defect(bars-at-the-head-only --waiting --meals 30)
sim_defect(hands-nothing-on --waiting --meals 30)

# ---- The whole stack: faults of src/lock and src/redis, which whole worlds must reveal

# whole_mutant(NAME FILE OLD NEW [FAULTS]): as sim_mutant. FAULTS: those among which it shows soon.
function(whole_mutant name file old new)
  mutate(${name} ${file} "${old}" "${new}" mutated)
  sim_executable(redlock-sim-${name} "" ${mutated})
  target_compile_options(redlock-sim-${name} PRIVATE -Wno-unused -Wno-unused-parameter)
  if(ARGN)
    set(faults --faults ${ARGN})
  endif()
  add_test(NAME "whole simulation notices: ${name}"
           COMMAND redlock-sim-${name} --whole --expect-violation --schedules ${whole_mutant_schedules} ${faults})
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
whole_mutant(restart-not-noticed lock/driver.cpp "membership_.on_identity(now(), node, *identity);" ""
             amnesia,node-pauses,jitter)
whole_mutant(restored-token-taken-for-an-old-one redis/answers.cpp "return quorum::Restored{*counter};"
             "return quorum::Extended{.set_by = 0, .counter = *counter};")
whole_mutant(subscription-not-renewed redis/subscription.cpp "timer_ = now + times(rest_" "timer_ = TimePoint::max() - times(rest_"
             cuts)
