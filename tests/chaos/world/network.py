"""Hosts and nodes, each in a network namespace of its own, and this namespace as the router between them.

A cut is a routing rule of the router that drops what goes from one address to another, in that direction only."""
import itertools
import os
import signal
import subprocess


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Network:
    def __init__(self):
        self.addresses = {}
        self.preferences = itertools.count(1000)
        self.has_netem = None
        os.makedirs("/run/netns", exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)
        ip("link", "set", "lo", "up")
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
            file.write("1")

    def add(self, name):
        index = len(self.addresses) + 1
        router, address = f"10.77.{index}.1", f"10.77.{index}.2"
        ip("netns", "add", name)
        ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", f"{router}/30", "dev", f"to-{name}")
        ip("link", "set", f"to-{name}", "up")
        for command in (("addr", "add", f"{address}/30", "dev", "eth0"), ("link", "set", "eth0", "up"), ("link", "set", "lo", "up"),
                        ("route", "add", "default", "via", router)):
            ip("-n", name, *command)
        self.addresses[name] = address
        return address

    @staticmethod
    def inside(name):
        """What stands before a command line that is to run there. It execs: the process is that of the command."""
        return ["nsenter", f"--net=/run/netns/{name}", "--"]

    def cut(self, source, target):
        """Drops what goes from one to the other. Returns how to mend it."""
        preference = str(next(self.preferences))
        ip("rule", "add", "from", self.addresses[source], "to", self.addresses[target], "pref", preference, "blackhole")
        return lambda: ip("rule", "del", "pref", preference)

    def reset(self, at, other):
        """Ends all connections that one has to the other; the other hears of it, unless they are cut off."""
        subprocess.run([*self.inside(at), "ss", "-4", "-K", "dst", self.addresses[other]], check=False, capture_output=True)

    def slow(self, name, rng):
        """Makes the way to it slow, uneven and lossy. Where the kernel has no netem, a thin and short pipe does that."""
        delay, rate = rng.randint(5, 60), rng.randint(64, 256)
        device = ["tc", "qdisc", "add", "dev", f"to-{name}", "root"]
        netem = ["netem", "delay", f"{delay}ms", f"{delay // 2}ms", "loss", f"{rng.randint(0, 5)}%"]
        thin = ["tbf", "rate", f"{rate}kbit", "burst", "1600", "latency", f"{delay * 4}ms"]
        if self.has_netem is not False:
            self.has_netem = subprocess.run(device + netem, check=False, capture_output=True).returncode == 0
        if not self.has_netem:
            subprocess.run(device + thin, check=True, capture_output=True)
        return lambda: subprocess.run(["tc", "qdisc", "del", "dev", f"to-{name}", "root"], check=False, capture_output=True)

    @staticmethod
    def pids(name):
        found = subprocess.run(["ip", "netns", "pids", name], check=True, capture_output=True, text=True).stdout
        return sorted(int(pid) for pid in found.split())

    def signal_all(self, name, number):
        for pid in self.pids(name):
            send(pid, number)


def send(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


STOP, CONTINUE, KILL, TERM = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL, signal.SIGTERM
