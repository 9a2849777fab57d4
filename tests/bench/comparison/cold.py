"""Section "cold": a whole run of `true` under a lock that nobody wants, from exec to exit; and the same with hung nodes."""
import subprocess

from .contenders import fresh_lock
from .figures import Bound, at_most, of_samples
from .nodes import Hung, ask

# As in tests/bench/run.
MOST_OF_FLOOR = 1.6
MOST_OF_HEALTHY, SLACK_MS = 1.1, 2.0
GIVE_UP_SECONDS = 20.0


def laps(bench, contender, count):
    """In milliseconds; none where a run takes longer than anybody would wait."""
    command = [bench.tool("laps"), str(count), *contender.command(fresh_lock("cold"), ["true"])]
    process = bench.processes.start(command, contender.environment(), stdout=subprocess.PIPE)
    try:
        lines, _ = process.communicate(timeout=GIVE_UP_SECONDS)
    except subprocess.TimeoutExpired:
        return []
    finally:
        bench.processes.end([process])
    if process.returncode != 0:
        raise RuntimeError(f"{contender.name} failed: {bench.processes.tail_of_log()}")
    return [int(line) / 1e6 for line in lines.split()]


def measure(bench):
    contenders = [bench.redlock, bench.floor, *bench.peers]
    samples = {contender.name: [] for contender in contenders}
    for contender in contenders:
        laps(bench, contender, 2)
    for turn in range(bench.effort.rounds):
        bench.say(f"cold: round {turn + 1} of {bench.effort.rounds}")
        for contender in rotated(contenders, turn):
            count = bench.effort.laps if contender.start_seconds < 0.02 else max(3, bench.effort.laps // 4)
            samples[contender.name] += laps(bench, contender, count)
    figures = [of_samples("cold", "all nodes well", name, "ms", times) for name, times in samples.items() if times]
    ours, floor = figures[0], figures[1]
    ratio = ours.value / floor.value
    ours.bound = Bound(f"at most {MOST_OF_FLOOR} x the floor ({ratio:.2f} x)", ratio <= MOST_OF_FLOOR)
    with bench.etcd_of_five() as etcd:
        return figures + measure_hung(bench, ours, etcd)


def measure_hung(bench, healthy, etcd):
    contenders = [bench.redlock, *(peer for peer in bench.peers if peer.name == "npm redlock")]
    servers = {contender.name: bench.nodes.servers for contender in contenders}
    if etcd:
        contenders.append(etcd)
        servers[etcd.name] = etcd.cluster.servers
    samples = {}
    for turn in range(bench.effort.rounds):
        bench.say(f"cold, with hung nodes: round {turn + 1} of {bench.effort.rounds}")
        for hung in (1, 2):
            for contender in rotated(contenders, turn):
                slow = contender is not bench.redlock
                if slow and turn >= 3:
                    continue
                victims = [servers[contender.name][(turn + 2 * i) % 5] for i in range(hung)]
                alive = etcd.cluster.await_leader if contender is etcd else bench_nodes_answer(bench)
                with Hung(victims, alive):
                    times = laps(bench, contender, 2 if slow else bench.effort.laps)
                # A run that was given up counts as one that took so long.
                samples.setdefault((hung, contender.name), []).extend(times or [GIVE_UP_SECONDS * 1000])
    figures = []
    for (hung, name), times in samples.items():
        figure = of_samples("cold", f"{hung} of 5 hung", name, "ms", times)
        figure.details["given up after s"] = GIVE_UP_SECONDS
        if name == bench.redlock.name:
            limit = MOST_OF_HEALTHY * healthy.value + SLACK_MS
            at_most(figure, limit, f"at most {MOST_OF_HEALTHY} x healthy + {SLACK_MS:g} ms ({limit:.1f} ms)")
        figures.append(figure)
    return figures


def bench_nodes_answer(bench):
    return lambda: [ask(port, "PING") for port in bench.nodes.ports]


def rotated(items, turn):
    """Who is first in one round is last in the next: what a machine does meanwhile meets all."""
    turn %= len(items)
    return items[turn:] + items[:turn]


