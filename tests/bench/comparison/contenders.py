"""Who is measured: each can run a command under a lock, `X NAME -- COMMAND`."""
import itertools
import json
import os
import shutil
import subprocess
import time

from .nodes import free_port
from .processes import clean_environment, die_with_parent


class Contender:
    name = ""
    note = ""

    def command(self, lock, command):
        raise NotImplementedError

    def environment(self):
        return {}

    # How long a process takes, of a whole core, until it waits: measured once, with some room (see settle_time).
    start_seconds = 0.005


class Redlock(Contender):
    def __init__(self, program, environment, name="redlock"):
        self.program, self.settings, self.name = program, environment, name
        self.note = first_line([program, "--version"])

    def command(self, lock, command, *options):
        return [self.program, "run", *options, lock, "--", *command]

    def environment(self):
        return self.settings


class Floor(Contender):
    """Only for `true`, and only once at a time."""

    name = "floor"
    note = "the least that any program must do (floor.c)"

    def __init__(self, program, ports):
        self.program, self.ports = program, ports

    def command(self, lock, command):
        assert command == ["true"]
        return [self.program, *map(str, self.ports)]


class Flock(Contender):
    name = "flock"
    note = "one machine, one file"

    def __init__(self, processes):
        self.processes = processes

    def command(self, lock, command):
        return ["flock", "--close", self.processes.path(f"flock.{lock}"), *command]


class EtcdctlLock(Contender):
    start_seconds = 0.05

    def __init__(self, processes, members=1):
        self.name = "etcdctl lock" if members == 1 else f"etcdctl lock, {members} members"
        self.cluster = EtcdCluster(processes, members)
        version = first_line(["etcdctl", "version"], {"ETCDCTL_API": "3"})
        self.note = f"{version}, {members} member{'s' if members > 1 else ''}, data in memory"

    def command(self, lock, command):
        return ["etcdctl", f"--endpoints={self.cluster.endpoints()}", "lock", lock, *command]

    def environment(self):
        return {"ETCDCTL_API": "3"}


class EtcdCluster:
    def __init__(self, processes, count):
        self.client_ports = [free_port() for _ in range(count)]
        peer_ports = [free_port() for _ in range(count)]
        members = ",".join(f"m{i}=http://127.0.0.1:{port}" for i, port in enumerate(peer_ports))
        self.servers = []
        for i, (client, peer) in enumerate(zip(self.client_ports, peer_ports)):
            argv = ["etcd", "--name", f"m{i}", "--data-dir", processes.path(f"etcd-{peer_ports[i]}"),
                    "--listen-client-urls", f"http://127.0.0.1:{client}",
                    "--advertise-client-urls", f"http://127.0.0.1:{client}",
                    "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-cluster", members, "--initial-cluster-token", str(peer_ports[0]), "--log-level", "error"]
            self.servers.append(processes.start(argv))
        self.await_leader()

    def endpoints(self):
        return ",".join(f"http://127.0.0.1:{port}" for port in self.client_ports)

    def await_leader(self, limit=60.0):
        """Until a write through each member succeeds."""
        until = time.monotonic() + limit
        for port in self.client_ports:
            while subprocess.run(["etcdctl", f"--endpoints=http://127.0.0.1:{port}", "put", "ready", "yes"],
                                 env={**clean_environment(), "ETCDCTL_API": "3"}, capture_output=True,
                                 preexec_fn=die_with_parent).returncode != 0:
                if time.monotonic() > until:
                    raise TimeoutError("etcd does not become ready")
                time.sleep(0.1)


class NodeRedlock(Contender):
    name = "npm redlock"
    start_seconds = 0.25

    def __init__(self, folder, environment):
        self.program = os.path.join(folder, "lock.mjs")
        self.settings = environment
        versions = installed_versions(folder)
        self.note = f"redlock {versions['redlock']}, ioredis {versions['ioredis']}, node {first_line(['node', '--version'])}"

    def command(self, lock, command):
        return ["node", self.program, lock, *command]

    def environment(self):
        return self.settings


def first_line(argv, environment=None):
    result = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    return (result.stdout or result.stderr).split("\n")[0].strip()


def installed_versions(folder):
    versions = {}
    for package in ("redlock", "ioredis"):
        with open(os.path.join(folder, "node_modules", package, "package.json"), encoding="utf-8") as file:
            versions[package] = json.load(file)["version"].lstrip("v")
    return versions


def install_npm_packages(source, folder):
    """Into the build folder, with the versions that peers/package.json pins. Returns why it did not work, or nothing."""
    os.makedirs(folder, exist_ok=True)
    for file in ("package.json", "lock.mjs"):
        shutil.copyfile(os.path.join(source, file), os.path.join(folder, file))
    with open(os.path.join(folder, "package.json"), encoding="utf-8") as file:
        wanted = json.load(file)["dependencies"]
    try:
        if installed_versions(folder) == wanted:
            return None
    except OSError:
        pass
    result = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"], cwd=folder,
                            capture_output=True, text=True)
    return None if result.returncode == 0 else f"npm install failed: {result.stderr.strip()[:200]}"


def settle_time(contender, count):
    """Long enough for `count` processes that were just started to have come to where they wait."""
    return 0.25 + 1.5 * contender.start_seconds * count / (os.cpu_count() or 1)


lock_numbers = itertools.count(1)


def fresh_lock(section):
    """A name that nobody uses: what a killed holder left behind is in nobody's way."""
    return f"{section}-{next(lock_numbers)}"
