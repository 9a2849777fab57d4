"""The whole of it: network, nodes, hosts with their clients; what they leave behind; and the log of what they recorded."""
import datetime
import glob
import json
import os
import subprocess
import threading
import time

from . import locks
from .clients import Client
from .log import now
from .nodes import Node, ask
from .network import Network

CLIENTS_OF_A_HOST = 2
LEFT_SECONDS = 90.0  # for the last keys to expire, also on a node whose clock was 60 s ahead, and processes to end
SAMPLE_SECONDS = 5.0
POSITION_LIFE_MS = 300_000


class World:
    def __init__(self, setting, seed, hosts, servers, set_clock):
        self.setting, self.network = setting, setting.network
        self.hosts = [f"host{n + 1}" for n in range(hosts)]
        self.slow = set()
        for host in self.hosts:
            self.network.add(host)
        self.nodes = [Node(f"node{n + 1}", self.network, setting.folder, server, set_clock, setting.log)
                      for n, server in enumerate(servers)]
        for node in self.nodes:
            node.start(empty=True)
        for node in self.nodes:
            node.await_answer()
        setting.urls = " ".join(f"redis://{node.address}" for node in self.nodes)
        setting.named_urls = " ".join(f"redis://{node.name}" for node in self.nodes)
        for host in self.hosts:
            self.write_names(host, {})
        self.clients = [Client(setting, host, index, seed) for host in self.hosts for index in range(CLIENTS_OF_A_HOST)]
        self.steady = Steady(setting, self.hosts[0])

    def write_names(self, host, changed):
        path = self.setting.path("names." + host)
        with open(path + ".new", "w", encoding="ascii") as file:
            for node in self.nodes:
                file.write(f"{node.name} {changed.get(node.name, node.address)}\n")
        os.rename(path + ".new", path)

    def start(self):
        for client in (*self.clients, self.steady):
            client.start()

    def end(self):
        """Lets all clients come to their end, and writes down what was left and what was recorded."""
        self.setting.ending.set()
        for client in (*self.clients, self.steady):
            client.join()
        self.write_left()
        self.write_marks()
        self.write_events()
        self.write_storage()

    def write_left(self):
        """What is left once it had time to go."""
        end = time.monotonic() + LEFT_SECONDS
        while (left := self.left()) and time.monotonic() < end:
            time.sleep(0.5)
        for what in left:
            self.setting.log.write("left", left=what)

    def left(self):
        found = []
        for host in self.hosts:
            for pid in self.network.pids(host):
                try:
                    with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                        found.append(f"process on {host}: " + file.read().replace("\0", " ").strip())
                except OSError:
                    pass
        for node in self.nodes:
            try:
                found += [f"key on {node.name}: {key}" for key in ask(node.address, "KEYS", "*") if not may_stay(node, key)]
                clients = ask(node.address, "CLIENT", "LIST").count("\n") - 1
                if clients:
                    found.append(f"connections to {node.name}: {clients}")
            except OSError as error:
                found.append(f"no answer from {node.name}: {error}")
        return found

    def write_marks(self):
        for path in sorted(glob.glob(self.setting.path("marks", "*"))):
            with open(path, encoding="utf-8") as file:
                said = dict(line.rstrip("\n").partition(" ")[::2] for line in file)
            first, last = int(said["first"]) / 1e9, int(said["last"]) / 1e9
            client = ".".join(os.path.basename(path).split(".")[:3])
            self.setting.log.write("held", at=first, client=client, until=last, done=said["done"].endswith("1"), role=said["role"],
                                   token=said["token"], fence=said["fence"], slot=said["slot"])

    def write_events(self):
        """What redlock itself wrote with --events, in the time of this log."""
        ahead = time.time() - now()
        for path in sorted(glob.glob(self.setting.path("events", "*"))):
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    event = json.loads(line)
                    at = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp() - ahead
                    self.setting.log.write("event", at=at, client=os.path.basename(path), event=event)

    def write_storage(self):
        for path in sorted(glob.glob(self.setting.path("storage", "*"))):
            if path.endswith(".fence"):
                continue
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file):
                    written, fence, client = line.split()
                    self.setting.log.write("write", at=int(written) / 1e9, storage=os.path.basename(path), number=number,
                                           fence=int(fence), client=client)


def may_stay(node, key):
    """Fences; and the position of a waiter that could not say good-bye to a node, which keeps it for a while."""
    if key.startswith("redlock.queue:"):
        return 0 <= ask(node.address, "PTTL", key) <= POSITION_LIFE_MS
    return key.startswith("redlock.fence:")


class Steady(threading.Thread):
    """One redlock holds a lock of its own for as long as the faults let it: what it uses must not grow."""

    def __init__(self, setting, host):
        super().__init__(daemon=True)
        self.setting, self.host = setting, host

    def run(self):
        number = 0
        while not self.setting.ending.is_set():
            number += 1
            environment = {"PATH": os.environ["PATH"], "CHAOS_CLIENT": f"{self.host}.steady.{number}",
                           "REDLOCK_NODES": self.setting.urls, "REDLOCK_TTL": f"{locks.TTL}s"}
            with open(os.devnull, "r+b") as null:
                self.hold(number, environment, null)

    def hold(self, number, environment, null):
        process = subprocess.Popen(
            [*self.setting.network.inside(self.host), self.setting.redlock, "run", "-w", "60s", locks.STEADY, "--", "sleep", "86400"],
            env=environment, stdin=null, stdout=null, stderr=null, start_new_session=True)
        while process.poll() is None and not self.setting.ending.wait(SAMPLE_SECONDS):
            self.sample(number, process.pid)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def sample(self, number, pid):
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                memory = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
            files = len(os.listdir(f"/proc/{pid}/fd"))
        except (OSError, StopIteration):
            return
        self.setting.log.write("sample", number=number, pid=pid, kilobytes=memory, files=files)
