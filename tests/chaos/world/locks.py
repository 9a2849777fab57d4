"""The locks of a run, and what holds for each."""
TTL = 3.0  # seconds; of all clients, and so the quarantine
SLOTS = 3
AT_LEAST = 1.5

PLAIN, STORE, POOL, REST, SHARED, STEADY = "plain", "store", "pool", "rest", "shared", "steady"
SEVERAL = ("a", "b", "c")
# Other libraries know no quarantine: on these a node that forgets may let a second holder in.
WITHOUT_QUARANTINE = (SHARED,)
FOR_BREAK = (PLAIN, STORE, "a")


def held(names, slot):
    """The locks, as the nodes know them, that a command with this environment holds."""
    return [f"{name}#{slot}" if slot else name for name in names]
