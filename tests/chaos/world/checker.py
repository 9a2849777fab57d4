"""Reads the log of a run and says what must not be. It believes commands, storage and servers; of redlock it believes nothing."""
import collections

from . import locks
from .log import read

AFTER = locks.TTL + 1.0  # seconds after a fault that is outside of the model until its effects are over
MEMORY_KB = 4096
FILES = 24
HELD, NO_QUORUM, CONFIGURATION, LOST = 75, 69, 78, 79


class Violation:
    def __init__(self, at, text, **details):
        self.at, self.text, self.details = at, text, details


def intervals(lines, kind):
    """The times of faults: each with its beginning, its end and what it was done to."""
    found, result = {}, []
    for line in lines:
        if line["what"] == "fault" and kind(line):
            found[line["number"]] = {**line, "until": lines[-1]["at"]}
        elif line["what"] == "fault-on" and line["number"] in found:
            found[line["number"]].update(line, at=found[line["number"]]["at"])
        elif line["what"] == "fault-off" and line["number"] in found:
            found[line["number"]]["until"] = line["at"]
        elif line["what"] == "fault-skipped":
            found.pop(line["number"], None)
    result.extend(found.values())
    return result


class Grant:
    """What one client held, from the first to the last moment at which one of its commands ran."""

    def __init__(self, client, start, marks):
        self.client, self.kind = client, start["kind"]
        self.first = min(mark["at"] for mark in marks)
        self.last = max(mark["until"] for mark in marks)
        self.fence = int(marks[0]["fence"]) if marks[0]["fence"] else None
        self.slot = marks[0]["slot"]
        self.locks = locks.held(start["names"], self.slot)
        self.fences = {mark["fence"] for mark in marks}


class Run:
    """The lines of the log, in order of what they are about."""

    def __init__(self, path):
        self.lines = read(path)
        self.starts = {line["client"]: line for line in self.lines if line["what"] == "start"}
        self.ends = {line["client"]: line for line in self.lines if line["what"] == "end"}
        self.marks = collections.defaultdict(list)
        for line in self.lines:
            if line["what"] == "held":
                self.marks[line["client"]].append(line)
        self.faults = intervals(self.lines, lambda _: True)
        self.hits = self.count_hits()
        self.grants = [Grant(client, self.starts[client], counted) for client, marks in self.marks.items()
                       if client in self.starts and (counted := [mark for mark in marks if self.counts(client, mark)])]
        self.grants.sort(key=lambda grant: grant.first)

    def count_hits(self):
        """client -> the processes of it that were killed or stopped."""
        hits = collections.defaultdict(list)
        for fault in self.faults:
            if fault.get("client"):
                hits[fault["client"]].append(fault)
            for client in fault.get("clients", ()):
                hits[client].append(fault)
        return hits

    def counts(self, client, mark):
        """Whether it is promised that this ran under the lock."""
        hits = self.hits.get(client, [])
        if mark["role"] != "child":
            return True
        if any(fault["fault"].startswith("guard") for fault in hits):
            return False  # without a guard nobody finds what has left the command's session
        if self.starts[client]["kind"] == "RunCancelled":  # what a command that ended by itself leaves is left alone
            end = self.ends.get(client)
            return end is not None and end["status"] in (143, -15, LOST)
        return True

    def is_unguarded(self, client):
        """Of its two processes neither may have been there to end it."""
        hits = self.hits.get(client, [])
        return len(hits) >= 2 or any(fault["fault"] == "host-stopped" for fault in hits)

    def may_find_one_server_twice(self, start, end):
        """The name of a node led to another node on its host."""
        return any(fault["fault"] == "dns-changed" and start["host"] in fault.get("hosts", ()) and fault["at"] <= end["at"] and
                   start["at"] <= fault["until"] for fault in self.faults)

    def is_outside(self, lock, at):
        """Whether two holders may meet then."""
        name = lock.partition("#")[0]
        for fault in self.faults:
            touched = (fault["outside"] == "all" or (fault["outside"] == "others" and name in locks.WITHOUT_QUARANTINE) or
                       (fault["outside"] == "lock" and fault.get("lock", name) == name))
            if touched and fault["at"] <= at <= fault["until"] + AFTER:
                return True
        return False


def check(path):
    run = Run(path)
    found = [violation for part in (overlaps, fences, slots, storage, rest, statuses, left, growth) for violation in part(run)]
    return run, sorted(found, key=lambda violation: violation.at)


def by_lock(run):
    grants = collections.defaultdict(list)
    for grant in run.grants:
        for lock in grant.locks:
            grants[lock].append(grant)
    return grants


def overlaps(run):
    for lock, grants in by_lock(run).items():
        holding = []
        for grant in grants:
            holding = [other for other in holding if other.last >= grant.first]
            for other in holding:
                if not (run.is_outside(lock, grant.first) or run.is_unguarded(grant.client) or run.is_unguarded(other.client)):
                    together = min(grant.last, other.last) - grant.first
                    yield Violation(grant.first, f"{lock}: two holders for {together * 1000:.1f} ms: {other.client} and {grant.client}",
                                    clients=[other.client, grant.client], lock=lock)
            holding.append(grant)


def fences(run):
    for lock, grants in by_lock(run).items():
        before = None
        for grant in grants:
            if len(grant.fences) > 1:
                yield Violation(grant.first, f"{lock}: one grant with several fences: {grant.client}: {sorted(grant.fences)}",
                                clients=[grant.client], lock=lock)
            if grant.fence is None:
                continue
            outside = run.is_outside(lock, grant.first) or run.is_unguarded(grant.client)
            if before and grant.fence <= before.fence and not outside and not run.is_unguarded(before.client):
                yield Violation(grant.first, f"{lock}: fence {grant.fence} of {grant.client} after {before.fence} of {before.client}",
                                clients=[before.client, grant.client], lock=lock)
            if before is None or grant.fence > before.fence:
                before = grant


def slots(run):
    for grant in run.grants:
        asked = run.starts[grant.client]["kind"] == "RunSlots"
        if asked and not (grant.slot.isdigit() and 1 <= int(grant.slot) <= locks.SLOTS):
            yield Violation(grant.first, f"{grant.client} holds slot {grant.slot!r} of {locks.SLOTS}", clients=[grant.client])


def storage(run):
    greatest = {}
    writes = sorted((line for line in run.lines if line["what"] == "write"), key=lambda line: line["number"])
    for write in writes:
        before = greatest.get(write["storage"])
        if before and write["fence"] < before["fence"]:
            yield Violation(write["at"], f"storage {write['storage']} took fence {write['fence']} of {write['client']} after "
                                         f"{before['fence']} of {before['client']}", clients=[before["client"], write["client"]])
        else:
            greatest[write["storage"]] = write


def rest(run):
    """Nobody is granted a lock within the rest of another's. Only where nothing happened meanwhile: a rest is not repaired."""
    before = None
    for grant in run.grants:
        if grant.kind != "RunRest":
            continue
        if before and run.ends.get(before.client, {}).get("status") == 0 and grant.first < before.first + locks.AT_LEAST - 0.3:
            calm = not any(fault["at"] - AFTER < grant.first and before.first < fault["until"] + AFTER for fault in run.faults)
            if calm:
                yield Violation(grant.first, f"{grant.client} was granted {grant.locks[0]} {grant.first - before.first:.2f} s after "
                                             f"{before.client}, which was to rest for {locks.AT_LEAST} s",
                                clients=[before.client, grant.client], lock=grant.locks[0])
        before = grant


def statuses(run):
    for client, start in run.starts.items():
        end = run.ends.get(client)
        if end is None or end["status"] is None:
            yield Violation(end["at"] if end else run.lines[-1]["at"], f"{client} ({start['kind']}) did not end by its limits",
                            clients=[client])
            continue
        status, hit = end["status"], run.hits.get(client)
        commands = [mark for mark in run.marks.get(client, []) if mark["role"] == "command"]
        allowed = {0, HELD, NO_QUORUM, LOST}
        if start["kind"] == "RunCancelled":
            allowed |= {143, -15}
        if start["kind"] == "WhilePid":
            allowed |= {-15}
        if run.may_find_one_server_twice(start, end):
            allowed |= {CONFIGURATION}
        why = ""
        if not hit and status not in allowed:
            why = f"ended with {status}, which does not fit: {end['said']}"
        elif status == 0 and not commands and start["kind"] not in ("ByHand", "Python", "Npm"):
            why = "ended with 0, and its command did not run"
        elif status == 0 and not all(mark["done"] for mark in commands) and start["kind"].startswith("Run"):
            why = "ended with 0, and its command did not come to its end"
        elif status in (HELD, NO_QUORUM) and commands and start["kind"] not in ("Python", "Npm"):
            why = f"ended with {status}, and its command ran"
        if why:
            yield Violation(end["at"], f"{client} ({start['kind']}) {why}", clients=[client])


def left(run):
    for line in run.lines:
        if line["what"] == "left":
            yield Violation(line["at"], "left at the end: " + line["left"])


def growth(run):
    samples = collections.defaultdict(list)
    for line in run.lines:
        if line["what"] == "sample":
            samples[line["number"]].append(line)
    for lines in samples.values():
        first, last = lines[min(1, len(lines) - 1)], lines[-1]
        if last["kilobytes"] > first["kilobytes"] + MEMORY_KB or last["files"] > first["files"] + FILES:
            yield Violation(last["at"], f"a redlock grew from {first['kilobytes']} to {last['kilobytes']} kB, and from {first['files']} to "
                                        f"{last['files']} files, in {last['at'] - first['at']:.0f} s")
