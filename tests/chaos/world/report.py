"""What a run came to, for a person."""
import collections


def text(run, violations, seed):
    kinds = collections.Counter(grant.kind for grant in run.grants)
    faults = collections.Counter(fault["fault"] for fault in run.faults)
    skipped = collections.Counter(line["fault"] for line in run.lines if line["what"] == "fault-skipped")
    ends = collections.Counter(str(end["status"]) for end in run.ends.values())
    writes = sum(line["what"] == "write" for line in run.lines)
    began = run.lines[0]["at"]
    never = collections.Counter(start["kind"] for start in run.starts.values() if start["kind"] not in kinds)
    lines = [
        f"{len(run.grants)} grants: " + listed(kinds),
        *([f"never granted: {listed(never)}"] if never else []),
        f"{len(run.faults)} faults: " + listed(faults),
        *([f"{sum(skipped.values())} faults found nothing to be done to: " + listed(skipped)] if skipped else []),
        f"{len(run.ends)} clients ended: " + ", ".join(f"{count} with {status}" for status, count in ends.most_common()),
        f"{writes} writes to the storage",
    ]
    for violation in violations:
        lines.append(f"VIOLATION at {violation.at - began:.3f} s: {violation.text}")
    lines.append(f"seed {seed}: " + (f"{len(violations)} violations" if violations else "no violation"))
    return "\n".join(lines)


def listed(counter):
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())
