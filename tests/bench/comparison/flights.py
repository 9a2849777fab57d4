"""Section "flights": what redlock costs through a proxy that makes a round trip 20 ms long, in round trips."""
from .arithmetic import median
from .contenders import Redlock, fresh_lock
from .crew import Crew
from .figures import at_most, of_samples

ROUND_TRIP_MS = 20.0
# One flight, and what the machine itself needs for it.
ONE = 1.15
HANDOFF = 2.2


def alone(bench, contender):
    """Of a run that nobody disturbs: from exec to the command, and from the command's end to the exit; in ms."""
    command = contender.command(fresh_lock("flights"), bench.stamps.command("alone"))
    process = bench.processes.start(bench.stamps.command("gate", *command), contender.environment())
    started = bench.stamps.expect().release()
    held = bench.stamps.expect()
    released = held.release()
    ended = bench.processes.wait([process])
    return (held.start - started) / 1e6, (ended - released) / 1e6


def measure(bench):
    proxy, environment = bench.nodes.through(f"{ROUND_TRIP_MS / 2:g}", bench.helper("delay-proxy"))
    far = Redlock(bench.redlock.program, environment)
    near = bench.redlock
    here, there, handoff = [], [], {1: [], 10: []}
    for turn in range(bench.effort.rounds):
        bench.say(f"flights: round {turn + 1} of {bench.effort.rounds}")
        for _ in range(bench.effort.handoffs):
            here.append(alone(bench, near))
            there.append(alone(bench, far))
        for waiters, samples in handoff.items():
            with Crew(bench, far, "flights", ROUND_TRIP_MS / 1000) as crew:
                crew.add(waiters)
                for _ in range(bench.effort.handoffs):
                    samples.append(crew.hand_on() / ROUND_TRIP_MS)
                    crew.add(1)
    bench.processes.end([proxy])
    figures = [
        at_most(more_than_near("acquire, more than on loopback", first(here), first(there)), ONE,
                f"1 after the connect, which costs none here (counted: at most {ONE})"),
        at_most(more_than_near("release, more than on loopback", second(here), second(there)), ONE,
                f"1 (counted: at most {ONE})"),
    ]
    for waiters, samples in handoff.items():
        figures.append(at_most(
            of_samples("flights", f"handoff, {waiters} waiting", "redlock", "round trips", samples), HANDOFF))
    return figures


def more_than_near(what, near, far):
    """The difference of the medians: what the program itself needs is in both."""
    base = median(near)
    return of_samples("flights", what, "redlock", "round trips", [(time - base) / ROUND_TRIP_MS for time in far])


def first(pairs):
    return [pair[0] for pair in pairs]


def second(pairs):
    return [pair[1] for pair in pairs]
