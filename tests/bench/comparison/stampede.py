"""Section "stampede": many processes that do not wait, released at the same instant: exactly one of them wins."""
import time
from collections import Counter

from .contenders import Redlock, fresh_lock
from .figures import Bound, Figure

DELAY = "5-15"  # milliseconds in each direction
LIMIT = 60.0
CONFLICT = 75


def measure(bench):
    proxy, environment = bench.nodes.through(DELAY, bench.helper("delay-proxy"))
    contender = Redlock(bench.redlock.program, environment)
    winners, statuses, times = Counter(), Counter(), []
    for turn in range(bench.effort.stampedes):
        if turn % 10 == 0:
            bench.say(f"stampede: round {turn + 1} of {bench.effort.stampedes}")
        won, codes, took = one_round(bench, contender, bench.effort.contenders_of_stampede)
        winners[won] += 1
        statuses.update(codes)
        times.append(took)
    bench.processes.end([proxy])
    figure = Figure("stampede", f"rounds of {bench.effort.contenders_of_stampede} with exactly one winner", "redlock", "",
                    winners[1], samples=bench.effort.stampedes)
    figure.bound = Bound(f"all {bench.effort.stampedes}", winners[1] == bench.effort.stampedes)
    figure.details = {"winners": dict(winners), "exit statuses": dict(statuses), "longest round in s": max(times)}
    return [figure]


def one_round(bench, contender, count):
    """(How many held the lock at once, the exit statuses of the others, how long until all was clear.)"""
    lock = fresh_lock("stampede")
    processes = []
    for i in range(count):
        command = contender.command(lock, bench.stamps.command("winner"), "-n")
        processes.append(bench.processes.start(bench.stamps.command(f"gate-{i}", *command), contender.environment()))
    gates = [bench.stamps.expect() for _ in processes]
    began = time.monotonic()
    for gate in gates:
        gate.let_go()
    for gate in gates:
        gate.ended()
    # Whoever wins keeps the lock until all others have ended.
    holders = []
    while time.monotonic() < began + LIMIT:
        if stamp := bench.stamps.next(0.005):
            holders.append(stamp)
        running = [process for process in processes if process.poll() is None]
        if len(running) <= len(holders):
            break
    took = time.monotonic() - began
    while stamp := bench.stamps.next(0.05):
        holders.append(stamp)
    won = len(holders)
    for holder in holders:
        holder.release()
    bench.processes.wait(processes)
    codes = Counter(process.returncode for process in processes)
    codes[0] -= won
    return won, +codes, took
