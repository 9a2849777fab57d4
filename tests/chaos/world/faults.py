"""What is done to the hosts, the nodes and the ways between them.

Each fault is a function of the world, its own random numbers and its length, that does it and returns what it was done to and how
to undo it (None where there is nothing to undo). `outside` says which promise it breaks, if any:
  ""        none: the fault is one that redlock's model of the world has
  "all"     any two holders may meet until a TTL after its end: the model does not have it
  "others"  locks that are shared with libraries that know no quarantine
  "host"    what ran on that host meanwhile may run on for an instant
  "lock"    the lock that was broken may have two holders until the old one notices
Fences and storage must be right all the same."""
import os
import subprocess
import time

from . import locks
from .network import CONTINUE, KILL, STOP, send


SEARCH_SECONDS = 8.0  # for a process of which there are few


class NotNow(Exception):
    """There is nothing that it could be done to."""


def take_node(world, rng):
    free = [node for node in world.nodes if not node.is_taken]
    if not free:
        raise NotNow("no node is free")
    node = rng.choice(free)
    node.is_taken = True
    return node


def leave(node, undo):
    def left():
        try:
            undo()
        finally:
            node.is_taken = False

    return left


def node_stopped(world, rng, _):
    node = take_node(world, rng)
    node.stop()
    return {"nodes": [node.name]}, leave(node, node.go_on)


def restarted(empty):
    def fault(world, rng, _):
        node = take_node(world, rng)
        node.kill()
        return {"nodes": [node.name]}, leave(node, lambda: node.start(empty))

    return fault


def nodes_rolled(world, rng, length):
    """All of them restart empty, one after another, no slower than each answers."""
    done = []
    for node in rng.sample(world.nodes, len(world.nodes)):
        if node.is_taken or world.setting.ending.is_set():
            continue
        node.is_taken = True
        try:
            node.kill()
            time.sleep(length / 10)
            node.start(empty=True)
            node.await_answer()
            done.append(node.name)
        finally:
            node.is_taken = False
        time.sleep(length / 4)
    return {"nodes": done}, None


def clock_back(world, rng, _):
    """A node's clock is set back. Only a restart sets it right again: to set it forward would be another fault."""
    node = take_node(world, rng)
    node.set_clock(-rng.randint(1, 3600))

    def restart():
        node.kill()
        node.start(empty=rng.random() < 0.5)

    return {"nodes": [node.name]}, leave(node, restart)


def clock_forward(world, rng, _):
    node = take_node(world, rng)
    node.set_clock(rng.randint(1, 60))
    return {"nodes": [node.name]}, leave(node, lambda: node.set_clock(0))


def some(world, rng):
    host = rng.choice(world.hosts)
    nodes = rng.sample([node.name for node in world.nodes], rng.randint(1, len(world.nodes)))
    return host, nodes


def cut(there, back):
    def fault(world, rng, _):
        host, nodes = some(world, rng)
        mends = []
        for node in nodes:
            if there:
                mends.append(world.network.cut(host, node))
            if back:
                mends.append(world.network.cut(node, host))
        return {"hosts": [host], "nodes": nodes}, lambda: [mend() for mend in mends]

    return fault


def half_open(world, rng, _):
    """The nodes forget their connections while the host cannot hear of it."""
    host, nodes = some(world, rng)
    mends = [mend for node in nodes for mend in (world.network.cut(host, node), world.network.cut(node, host))]
    for node in nodes:
        world.network.reset(node, host)
    return {"hosts": [host], "nodes": nodes}, lambda: [mend() for mend in mends]


def reset(world, rng, _):
    host, nodes = some(world, rng)
    for node in nodes:
        world.network.reset(node, host)
    return {"hosts": [host], "nodes": nodes}, None


def slow(world, rng, _):
    taken = [name for name in world.hosts + [node.name for node in world.nodes] if name not in world.slow]
    if not taken:
        raise NotNow("all are slow")
    name = rng.choice(taken)
    world.slow.add(name)
    mend = world.network.slow(name, rng)

    def undo():
        mend()
        world.slow.discard(name)

    return {("hosts" if name in world.hosts else "nodes"): [name]}, undo


def process_name(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def client_of(pid):
    try:
        with open(f"/proc/{pid}/environ", encoding="utf-8", errors="replace") as file:
            return dict(entry.partition("=")[::2] for entry in file.read().split("\0")).get("CHAOS_CLIENT", "")
    except OSError:
        return ""


def holds(world, pid):
    """Its client's command has been started."""
    client = client_of(pid)
    return bool(client) and os.path.exists(world.setting.path("marks", client))


def processes(world, rng, names):
    """One process of that name, of any host; most often one that holds a lock. Which there are is up to time, not only to the
    seed."""
    hosts = rng.sample(world.hosts, len(world.hosts))
    which, of_holders = rng.random(), rng.random() < 0.75
    end = time.monotonic() + SEARCH_SECONDS
    while time.monotonic() < end:
        found = [(host, pid) for host in hosts for pid in world.network.pids(host) if process_name(pid) in names]
        if of_holders:
            found = [(host, pid) for host, pid in found if holds(world, pid)]
        if found:
            return found[int(which * len(found))]
        time.sleep(0.1)
    raise NotNow("no such process")


def process_fault(names, number):
    def fault(world, rng, _):
        host, pid = processes(world, rng, names)
        target = {"hosts": [host], "pid": pid, "process": process_name(pid), "client": client_of(pid)}
        if not send(pid, number):
            raise NotNow("it has just ended")
        return target, (lambda: send(pid, CONTINUE)) if number == STOP else None

    return fault


def host_fault(number):
    def fault(world, rng, _):
        host = rng.choice(world.hosts)
        clients = set()
        for pid in world.network.pids(host):  # listed once: another client may start meanwhile
            client = client_of(pid)
            if send(pid, number):
                clients.add(client)
        undo = (lambda: world.network.signal_all(host, CONTINUE)) if number == STOP else None
        return {"hosts": [host], "clients": sorted(clients - {""})}, undo

    return fault


def dns_changed(world, rng, _):
    """On one host the name of a node leads to another node, to nobody, or the resolver hangs."""
    host, node = rng.choice(world.hosts), rng.choice(world.nodes).name
    other = rng.choice([world.network.addresses[it.name] for it in world.nodes if it.name != node] + ["10.77.250.1", "hangs"])
    world.write_names(host, {node: other})
    return {"hosts": [host], "nodes": [node], "to": other}, lambda: world.write_names(host, {})


def broken(world, rng, _):
    host, name = rng.choice(world.hosts), rng.choice(locks.FOR_BREAK)
    environment = {"PATH": os.environ["PATH"], "REDLOCK_NODES": world.setting.urls}
    subprocess.run([*world.network.inside(host), world.setting.redlock, "break", "--yes", name], env=environment, check=False,
                   capture_output=True, timeout=30)
    return {"hosts": [host], "lock": name}, None


REDLOCK, GUARD, ALARM = ("redlock", "redlock-nested"), ("lock-guard", "lock-guard-ends"), ("lock-alarm",)

FAULTS = {
    "node-stopped": (node_stopped, ""),
    "node-restarted-empty": (restarted(empty=True), "others"),
    "node-restarted-with-aof": (restarted(empty=False), "others"),
    "nodes-rolled": (nodes_rolled, "others"),
    "cut-off": (cut(True, True), ""),
    "cut-to-nodes": (cut(True, False), ""),
    "cut-from-nodes": (cut(False, True), ""),
    "half-open": (half_open, ""),
    "reset": (reset, ""),
    "slow": (slow, ""),
    "redlock-killed": (process_fault(REDLOCK, KILL), ""),
    "redlock-stopped": (process_fault(REDLOCK, STOP), ""),
    "guard-killed": (process_fault(GUARD, KILL), ""),
    "guard-stopped": (process_fault(GUARD, STOP), ""),
    "alarm-killed": (process_fault(ALARM, KILL), ""),
    "alarm-stopped": (process_fault(ALARM, STOP), ""),
    "host-killed": (host_fault(KILL), ""),
    "host-stopped": (host_fault(STOP), "host"),
    "clock-back": (clock_back, "others"),
    "clock-forward": (clock_forward, "all"),
    "dns-changed": (dns_changed, ""),
    "broken": (broken, "lock"),
}
INSIDE = [name for name, (_, outside) in FAULTS.items() if outside in ("", "others")]
