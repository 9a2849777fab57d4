"""The checker, on logs that are written here: each with one thing wrong, or with what looks wrong and is not."""
import tempfile

from . import checker, locks
from .log import Log

FENCE = 1000


def start(client, kind="Run", names=(locks.PLAIN,)):
    return {"what": "start", "at": 1.0, "client": client, "host": client.split(".")[0], "kind": kind, "names": list(names)}


def end(client, status=0):
    return {"what": "end", "at": 60.0, "client": client, "status": status, "said": ""}


def held(client, first, last, fence=FENCE, role="command", done=True, slot=""):
    return {"what": "held", "at": first, "until": last, "client": client, "fence": str(fence), "role": role, "done": done, "slot": slot,
            "token": client}


def client(name, *marks, kind="Run", names=(locks.PLAIN,), status=0):
    return [start(name, kind, names), *marks, end(name, status)]


def fault(name, at, until, outside="", **target):
    about = {"fault": name, "number": at, "outside": outside}
    return [{"what": "fault", "at": at, **about}, {"what": "fault-on", "at": at, **about, **target},
            {"what": "fault-off", "at": until, **about}]


def write(number, fence, storage="s"):
    return {"what": "write", "at": 10.0 + number, "storage": storage, "number": number, "fence": fence, "client": f"w{number}"}


ONE = client("host1.0.0", held("host1.0.0", 10, 12))
AFTER_IT = client("host2.0.0", held("host2.0.0", 12.001, 13, FENCE + 1))
INTO_IT = client("host2.0.0", held("host2.0.0", 11.999, 13, FENCE + 1))

# Lines, and what the only violation says; None where there is none.
CASES = {
    "one after the other": (ONE + AFTER_IT, None),
    "two at once": (ONE + INTO_IT, "two holders"),
    "two at once on other locks": (ONE + client("host2.0.0", held("host2.0.0", 11, 13), names=("b",)), None),
    "a child that outlives the lock": (client("host1.0.0", held("host1.0.0", 10, 11), held("host1.0.0", 10, 12.5, role="child"),
                                              kind="RunTree") + AFTER_IT, "two holders"),
    "two at once, outside of the model": (ONE + INTO_IT + fault("clock-forward", 9, 11, "all"), None),
    "two at once, long after that": (ONE + INTO_IT + fault("clock-forward", 2, 3, "all"), "two holders"),
    "two at once, of another lock's break": (ONE + INTO_IT + fault("broken", 11, 11.5, "lock", lock="a"), "two holders"),
    "two at once, of its own break": (ONE + INTO_IT + fault("broken", 11, 11.5, "lock", lock=locks.PLAIN), None),
    "two at once, redlock stopped": (ONE + INTO_IT + fault("redlock-stopped", 11, 12, client="host1.0.0"), "two holders"),
    "two at once, redlock and guard killed": (ONE + INTO_IT + fault("redlock-killed", 11, 11, client="host1.0.0") +
                                              fault("guard-killed", 11.5, 11.5, client="host1.0.0"), None),
    "a fence that shrinks": (ONE + client("host2.0.0", held("host2.0.0", 14, 15, FENCE - 1)), "fence 999"),
    "a fence that is the same": (ONE + client("host2.0.0", held("host2.0.0", 14, 15, FENCE)), "fence 1000"),
    "a slot too many": (client("host1.0.0", held("host1.0.0", 10, 12, slot=str(locks.SLOTS + 1)), kind="RunSlots", names=("pool",)),
                        "holds slot"),
    "one slot twice": (client("host1.0.0", held("host1.0.0", 10, 12, slot="1"), kind="RunSlots", names=("pool",)) +
                       client("host2.0.0", held("host2.0.0", 11, 12, FENCE + 1, slot="1"), kind="RunSlots", names=("pool",)),
                       "two holders"),
    "two slots": (client("host1.0.0", held("host1.0.0", 10, 12, slot="1"), kind="RunSlots", names=("pool",)) +
                  client("host2.0.0", held("host2.0.0", 11, 12, FENCE + 1, slot="2"), kind="RunSlots", names=("pool",)), None),
    "storage in order": ([write(0, 5), write(1, 5), write(2, 6)], None),
    "storage that took a lesser fence": ([write(0, 5), write(1, 6), write(2, 5)], "storage s took fence 5"),
    "a rest that was cut short": (client("host1.0.0", held("host1.0.0", 10, 10.1), kind="RunRest", names=("rest",)) +
                                  client("host2.0.0", held("host2.0.0", 10.5, 11, FENCE + 1), kind="RunRest", names=("rest",)),
                                  "was to rest"),
    "a client without an end": ([start("host1.0.0"), held("host1.0.0", 10, 12)], "did not end"),
    "a client that was ended": (client("host1.0.0", status=None), "did not end"),
    "a status that does not fit": (client("host1.0.0", held("host1.0.0", 10, 12, done=False), status=70), "ended with 70"),
    "the same, of one that was killed": (client("host1.0.0", held("host1.0.0", 10, 12, done=False), status=-9) +
                                         fault("redlock-killed", 11, 11, client="host1.0.0"), None),
    "one server twice": (client("host1.0.0", status=78), "ended with 78"),
    "one server twice, while names are wrong": (client("host1.0.0", status=78) + fault("dns-changed", 50, 59, hosts=["host1"]), None),
    "0, and nothing ran": (client("host1.0.0"), "did not run"),
    "0, and the command was cut short": (client("host1.0.0", held("host1.0.0", 10, 12, done=False)), "did not come to its end"),
    "75, and the command ran": (client("host1.0.0", held("host1.0.0", 10, 12), status=75), "its command ran"),
    "something left": ([{"what": "left", "at": 70.0, "left": "key on node1: plain"}], "left at the end"),
    "memory that grew": ([{"what": "sample", "at": float(n), "number": 1, "kilobytes": 9000 + 500 * n, "files": 10} for n in range(2, 20)],
                         "grew"),
    "files that grew": ([{"what": "sample", "at": float(n), "number": 1, "kilobytes": 9000, "files": 10 * n} for n in range(2, 20)], "grew"),
}


def run():
    failed = 0
    for name, (lines, expected) in CASES.items():
        with tempfile.NamedTemporaryFile() as file:
            log = Log(file.name)
            for line in lines:
                log.write(**line)
            said = [violation.text for violation in checker.check(file.name)[1]]
        if len(said) != (expected is not None) or (said and expected not in said[0]):
            failed += 1
            print(f"{name}: expected {expected or 'nothing'}, found {said}")
    print(f"{len(CASES) - failed} of {len(CASES)} logs judged as they should be")
    return 1 if failed else 0
