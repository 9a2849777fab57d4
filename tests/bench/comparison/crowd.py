"""Section "crowd": what a hundred who wait cost the nodes, the machine and themselves, while one holds."""
import time

from .arithmetic import median, quantile
from .crew import Crew
from .figures import Figure, at_most
from .processes import cpu_seconds, descendants, unshared_kib

COMMANDS_PER_SECOND = 0.2
CPU_SHARE = 0.1  # percent of a core
WAITER_MIB = 6.0
# What clients send; the rest of what INFO commandstats counts is called by scripts.
SENT = ("eval", "evalsha", "auth", "client|", "hello", "info", "ping", "psubscribe", "role", "script|", "select", "subscribe",
        "unsubscribe")


def measure(bench):
    figures = watch(bench, bench.redlock, bench.effort.crowd, bench.effort.crowd_seconds)
    # The peers for comparison: fewer of them, for a shorter time, since what one of them costs does not depend on it.
    for peer in bench.peers:
        figures += watch(bench, peer, 10, min(10.0, bench.effort.crowd_seconds))
    return figures


def watch(bench, contender, waiters, seconds):
    bench.say(f"crowd: {waiters} of {contender.name} wait for {seconds:g} s")
    with Crew(bench, contender, "crowd") as crew:
        crew.add(waiters)
        time.sleep(min(2.0, seconds))  # what waiters do once, as they begin, is not what waiting costs
        counts, cpu, began = bench.nodes.command_counts(), cpu_of(crew), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        cpu_after, counts_after = cpu_of(crew), bench.nodes.command_counts()
        memory = [unshared_kib(family(process)) / 1024 for process in crew.waiters]
        holder = unshared_kib(family(crew.process)) / 1024
        holder_cpu = (cpu_after[crew.process.pid] - cpu[crew.process.pid]) / took * 100

    shares = [(cpu_after[process.pid] - cpu[process.pid]) / took * 100 for process in crew.waiters]
    figures = []
    ours = contender is bench.redlock
    if contender.name in ("redlock", "npm redlock"):
        figures += commands(contender, waiters, took, counts, counts_after)
    figures += [
        Figure("crowd", "CPU of a waiter", contender.name, "% of a core", median(shares), quantile(shares, 0.1),
               quantile(shares, 0.9), len(shares), details={"greatest": max(shares)}),
        Figure("crowd", "unshared memory of a waiter", contender.name, "MiB", median(memory), quantile(memory, 0.1),
               quantile(memory, 0.9), len(memory), details={"greatest": max(memory)}),
        Figure("crowd", "CPU of the holder", contender.name, "% of a core", holder_cpu),
        Figure("crowd", "unshared memory of the holder", contender.name, "MiB", holder),
    ]
    if ours:
        at_most(figures[0], COMMANDS_PER_SECOND)
        at_most(figures[2], CPU_SHARE)
        at_most(figures[3], WAITER_MIB)
    return figures


def family(process):
    """The process, and its guard if it has one."""
    return [process.pid] + [pid for pid, name in descendants(process.pid) if name == "lock-guard"]


def cpu_of(crew):
    """By process; a guard's is counted with it."""
    return {process.pid: sum(map(cpu_seconds, family(process))) for process in [crew.process, *crew.waiters]}


def commands(contender, waiters, took, before, after):
    """Of the busiest node. All that INFO commandstats counts: also what scripts call, and what the holder sends."""
    rates = []
    for one, other in zip(before, after):
        calls = {kind: other[kind] - one.get(kind, 0) for kind in other}
        calls["info"] -= 1  # our own, the first of the two
        rates.append({kind: count / took / waiters for kind, count in calls.items() if count > 0})
    busiest = max(rates, key=lambda kinds: sum(kinds.values()))
    sent = sum(rate for kind, rate in busiest.items() if kind.startswith(SENT))
    return [
        Figure("crowd", "commands per waiter and node", contender.name, "/s", sum(busiest.values()), samples=waiters,
               details={"by kind": busiest, "seconds": took}),
        Figure("crowd", "of these, not from within scripts", contender.name, "/s", sent, samples=waiters),
    ]
