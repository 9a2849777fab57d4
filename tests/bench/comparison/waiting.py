"""Sections "handoff", "drain", "fairness" and "dead heads": what those who wait notice."""
import os
import signal
import subprocess

from .arithmetic import median, spearman
from .cold import rotated
from .crew import Crew
from .figures import Figure, at_least, at_most, less_than, of_samples

LEAST_CORRELATION = 0.98
ONE_SLOT_MS = 10.0  # 8 ms, and the try
TWENTY_DEAD_MS = 3000.0
APART = 0.020
GIVE_UP_SECONDS = 60.0
ROUNDS_OF_FIVE = 3  # of etcd with five members, after the others


def waiting_contenders(bench):
    return [bench.redlock, *bench.peers]


def handoff(bench):
    """From the end of one command to the first instruction of the next, while as many wait all the time."""
    samples = {waiters: {contender.name: [] for contender in waiting_contenders(bench)} for waiters in bench.effort.waiters}
    for waiters in bench.effort.waiters:
        for turn in range(bench.effort.rounds):
            bench.say(f"handoff with {waiters} waiting: round {turn + 1} of {bench.effort.rounds}")
            for contender in rotated(waiting_contenders(bench), turn):
                if contender.start_seconds > 0.1 and waiters > 10 and (turn or waiters > bench.effort.slow_peer_waiters):
                    continue  # node takes half a minute for a hundred: one round says enough
                samples[waiters][contender.name] += hand_on(bench, contender, waiters)
    with bench.etcd_of_five() as etcd:
        for waiters in bench.effort.waiters if etcd else ():
            bench.say(f"handoff with {waiters} waiting: {etcd.name}")
            samples[waiters][etcd.name] = [
                time for _ in range(ROUNDS_OF_FIVE) for time in hand_on(bench, etcd, waiters)
            ]
    figures = []
    for waiters, of_all in samples.items():
        of_this = {
            name: of_samples("handoff", f"{waiters} waiting", name, "ms", times) for name, times in of_all.items() if times
        }
        for figure in of_this.values():
            figure.details["given up after s"] = GIVE_UP_SECONDS
        if waiters <= 10 and "etcdctl lock" in of_this:
            less_than(of_this["redlock"], of_this["etcdctl lock"])
        figures += of_this.values()
    return figures


def hand_on(bench, contender, waiters):
    times = []
    with Crew(bench, contender, "handoff") as crew:
        crew.add(waiters)
        for _ in range(bench.effort.handoffs):
            try:
                times.append(crew.hand_on(GIVE_UP_SECONDS))
            except TimeoutError:  # the votes stay split: counted as one that took so long
                times.append(GIVE_UP_SECONDS * 1000)
                break
            crew.add(1)
    return times


def drain(bench):
    """All wait; from the end of the holder's command until the last process is gone."""
    count = bench.effort.drain
    contenders = [*waiting_contenders(bench), bench.redlock_of_one()]
    samples = {contender.name: [] for contender in contenders}
    for turn in range(bench.effort.rounds):
        bench.say(f"drain: round {turn + 1}")
        for contender in rotated(contenders, turn):
            if contender.start_seconds > 0.1 and (turn or count > bench.effort.slow_peer_waiters):
                continue
            samples[contender.name].append(drain_once(bench, contender, count))
    with bench.etcd_of_five() as etcd:
        if etcd:
            bench.say(f"drain: {etcd.name}")
            samples[etcd.name] = [drain_once(bench, etcd, count) for _ in range(ROUNDS_OF_FIVE)]
    figures = {
        name: of_samples("drain", f"{count} waiters", name, "ms", times) for name, times in samples.items() if times
    }
    for figure in figures.values():
        figure.details["given up after s"] = GIVE_UP_SECONDS
    if "etcdctl lock, 5 members" in figures:
        less_than(figures["redlock"], figures["etcdctl lock, 5 members"])
    return list(figures.values())


def drain_once(bench, contender, count):
    with Crew(bench, contender, "drain") as crew:
        crew.add(count, command=["true"])
        released = crew.holder.release()
        crew.holder = None
        try:
            ended = bench.processes.wait([crew.process, *crew.waiters], GIVE_UP_SECONDS)
        except subprocess.TimeoutExpired:
            return GIVE_UP_SECONDS * 1000
        return (ended - released) / 1e6


def fairness(bench):
    """Spearman's rank correlation between the order in which they came and the order in which they were served."""
    count = bench.effort.queue
    samples = {contender.name: [] for contender in waiting_contenders(bench)}
    for turn in range(bench.effort.rounds):
        bench.say(f"fairness: round {turn + 1} of {bench.effort.rounds}")
        for contender in rotated(waiting_contenders(bench), turn):
            if contender is not bench.redlock and turn >= (1 if contender.start_seconds > 0.1 else 2):
                continue
            with Crew(bench, contender, "fairness") as crew:
                crew.add(count, apart=APART)
                crew.settle(count)
                served = []
                try:
                    while len(served) < count:
                        crew.hand_on(GIVE_UP_SECONDS)
                        served.append(int(crew.holder.label))
                except TimeoutError:
                    if contender is bench.redlock:
                        raise
                    continue  # a peer that does not serve all has no order
            samples[contender.name].append(spearman(range(count), served))
    figures = []
    for name, correlations in samples.items():
        if not correlations:
            continue
        # The worst round is what counts.
        figure = Figure("fairness", f"{count} that arrive 20 ms apart, worst round", name, "", min(correlations),
                        samples=len(correlations), details={"median": median(correlations)})
        figures.append(at_least(figure, LEAST_CORRELATION) if name == "redlock" else figure)
    return figures


def dead_heads(bench):
    """The first in the line die, or are stopped, just before the release: by how much the next is served later."""
    limit = 30.0
    samples = {}
    cases = [(0, None)] + [(dead, number) for number in (signal.SIGKILL, signal.SIGSTOP) for dead in (1, 20)]
    contenders = [bench.redlock, *(peer for peer in bench.peers if peer.name == "etcdctl lock")]
    for turn in range(bench.effort.rounds * 2):
        bench.say(f"dead heads: round {turn + 1} of {bench.effort.rounds * 2}")
        for contender in contenders:
            if contender is not bench.redlock and turn > 0:
                continue
            for dead, number in rotated(cases, turn):
                with Crew(bench, contender, "dead") as crew:
                    crew.add(dead, apart=APART)
                    crew.add(3, apart=APART)
                    crew.settle(3)
                    for process in crew.waiters[:dead]:
                        os.kill(process.pid, number)
                    try:
                        took = crew.hand_on(limit)
                    except TimeoutError:
                        took = limit * 1000
                    samples.setdefault((contender.name, dead, number), []).append(took)
    figures = []
    for (name, dead, number), times in samples.items():
        if not dead:
            continue
        undisturbed = median(samples[name, 0, None])
        state = "killed" if number == signal.SIGKILL else "stopped"
        figure = of_samples("dead heads", f"{dead} {state}", name, "ms", [took - undisturbed for took in times])
        figure.details["given up after s"] = limit
        if name == "redlock":
            at_most(figure, ONE_SLOT_MS if dead == 1 else TWENTY_DEAD_MS,
                    f"at most one slot ({ONE_SLOT_MS:g} ms)" if dead == 1 else None)
        figures.append(figure)
    return figures
