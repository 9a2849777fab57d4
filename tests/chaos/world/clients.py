"""The clients of a host: threads that start one client after another, each of a kind that the seed has picked, wait until it
has ended, and write down with which status. What a client does it records itself."""
import datetime
import json
import os
import random
import subprocess
import threading
import time

from . import locks
from .log import now
from .network import TERM, send

GRACE_SECONDS = 30.0  # what a client may take beyond what it was told: faults stop it, and the machine is busy
DRIFT = 0.02  # of a TTL, which by-hand clients leave unused
HERE = os.path.dirname(os.path.realpath(__file__))


class Setting:
    """What all clients of a run need."""

    def __init__(self, network, log, folder, redlock, recorder, fake_names, has, peers):
        self.network, self.log, self.folder = network, log, folder
        self.redlock, self.recorder, self.fake_names = redlock, recorder, fake_names
        self.has = has  # of "--slots", "--at-least": what this redlock knows
        self.peers = peers
        self.urls = ""
        self.named_urls = ""
        self.ending = threading.Event()
        for name in ("marks", "events", "storage"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)


class Client(threading.Thread):
    def __init__(self, setting, host, index, seed):
        super().__init__(daemon=True)
        self.setting, self.host, self.index = setting, host, index
        self.rng = random.Random(f"{seed}/{host}/{index}")
        self.ids = (f"{host}.{index}.{n}" for n in range(10**9))
        self.kinds = [kind for kind in KINDS if kind.is_possible(setting)]

    def run(self):
        while not self.setting.ending.is_set():
            kind = self.rng.choices(self.kinds, [kind.weight for kind in self.kinds])[0]
            kind(self, next(self.ids)).live()
            self.setting.ending.wait(self.rng.uniform(0, 0.5))


class Kind:
    """One client, from its start to its end."""

    weight = 4
    names = (locks.PLAIN,)

    def __init__(self, thread, client_id):
        self.setting, self.rng, self.id = thread.setting, thread.rng, client_id
        self.host = thread.host
        self.hold_ms = int(self.rng.choice((20, 100, 400, 1500, 5000)) * self.rng.uniform(0.5, 1.5))
        self.wait = self.rng.choice((1, 3, 8))
        self.urls = self.setting.named_urls if thread.index % 2 else self.setting.urls
        self.patience = self.wait + self.hold_ms / 1000 + GRACE_SECONDS

    @staticmethod
    def is_possible(_):
        return True

    @property
    def mark(self):
        return self.setting.path("marks", self.id)

    def environment(self, **more):
        return {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "CHAOS_CLIENT": self.id, "REDLOCK_NODES": self.urls,
            "REDLOCK_TTL": f"{locks.TTL}s", "REDLOCK_RESTART_QUARANTINE": f"{locks.TTL}s", "REDLOCK_QUORUM_WAIT": "5s",
            "LD_PRELOAD": self.setting.fake_names, "FAKE_NAMES": self.setting.path("names." + self.host), **more}

    def start(self, command, **more):
        """In the host, in a session of its own."""
        return subprocess.Popen(
            [*self.setting.network.inside(self.host), *command], env=self.environment(**more), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)

    def finish(self, process, patience=None):
        """Its status (None where it did not end by its limits), and what it wrote."""
        patience = self.patience if patience is None else patience
        try:
            out, err = process.communicate(timeout=patience)
            return process.returncode, out, err
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None, "", f"did not end within {patience:.0f} s"

    def call(self, command, patience=None, **more):
        return self.finish(self.start(command, **more), patience)

    def lock_options(self):
        return ["--events", self.setting.path("events", self.id), "-w", f"{self.wait}s"]

    def hold(self, *options, milliseconds=None, mark=None):
        return [self.setting.recorder, "hold", mark or self.mark, str(milliseconds or self.hold_ms), *options]

    def live(self):
        self.setting.log.write("start", client=self.id, host=self.host, kind=type(self).__name__, names=list(self.names),
                               hold_ms=self.hold_ms, wait=self.wait)
        status, _, error = self.act()
        self.setting.log.write("end", client=self.id, status=status, said=error.strip()[-400:])

    def act(self):
        raise NotImplementedError


class Run(Kind):
    weight = 10

    def act(self):
        return self.call([self.setting.redlock, "run", *self.lock_options(), *self.options(), *self.names, "--", *self.command()])

    def options(self):
        return []

    def command(self):
        return self.hold()


class RunAtOnce(Run):
    def lock_options(self):
        return ["--events", self.setting.path("events", self.id), "-n"]


class RunStubborn(Run):
    def command(self):
        return self.hold("ignore-term")


class RunTree(Run):
    """Leaves a process in a session of its own behind, and has the lock kept until that has ended."""

    def options(self):
        return ["--release-when", "all"]

    def command(self):
        # Some outlive the lease of a redlock that was killed, and would run beside the next holder.
        child = int(self.hold_ms * self.rng.uniform(0.5, 2) + self.rng.choice((0, 0, 2000 * locks.TTL)))
        self.patience += child / 1000
        return self.hold("child", str(child), *self.rng.choice(((), ("ignore-term",))))


class RunCancelled(Run):
    """Its tree is told to end, by way of redlock, while it waits or holds."""

    def command(self):
        return self.hold("child", str(self.hold_ms * 2))

    def act(self):
        process = self.start([self.setting.redlock, "run", *self.lock_options(), *self.names, "--", *self.command()])
        try:
            process.wait(self.rng.uniform(0.05, 2.5))
        except subprocess.TimeoutExpired:
            send(process.pid, TERM)
        return self.finish(process)


class RunWriting(Run):
    names = (locks.STORE,)

    def command(self):
        return self.hold("write", self.setting.redlock, self.setting.path("storage", locks.STORE))


class RunSeveral(Run):
    weight = 6

    def __init__(self, thread, client_id):
        super().__init__(thread, client_id)
        self.names = tuple(self.rng.sample(locks.SEVERAL, self.rng.choice((1, 2, 2, 3))))


class RunSlots(Run):
    weight = 10
    names = (locks.POOL,)

    @staticmethod
    def is_possible(setting):
        return "--slots" in setting.has

    def options(self):
        return ["--slots", str(locks.SLOTS)]


class RunRest(Run):
    names = (locks.REST,)

    @staticmethod
    def is_possible(setting):
        return "--at-least" in setting.has

    def options(self):
        return ["--at-least", f"{locks.AT_LEAST}s"]


class RunShared(Run):
    weight = 3
    names = (locks.SHARED,)


class WhilePid(Kind):
    """A script that holds the lock itself."""

    weight = 10

    def act(self):
        script = 'out=$("$0" acquire --format shell --while-pid $$ --events "$1" -w "$2" "$3") || exit; eval "$out"; shift 3; exec "$@"'
        return self.call(["sh", "-c", script, self.setting.redlock, self.setting.path("events", self.id), f"{self.wait}s",
                          self.names[0], *self.hold()])


class ByHand(Kind):
    """acquire, perhaps extend, release: nobody watches but the holder, who stops before the lease ends."""

    def act(self):
        status, out, error = self.call([self.setting.redlock, "acquire", "--json", *self.lock_options(), *self.names])
        if status != 0:
            return status, out, error
        granted = json.loads(out)
        token = {"REDLOCK_TOKEN": granted["token"], "REDLOCK_FENCE": str(granted["fence"])}
        expires = datetime.datetime.fromisoformat(granted["expires_at"].replace("Z", "+00:00")).timestamp()
        until = now() + (expires - time.time()) - locks.TTL * DRIFT
        self.call(self.hold("until", str(int(until * 1e9))), **token)
        if self.rng.random() < 0.5:
            asked = now()
            extended, _, _ = self.call([self.setting.redlock, "extend", self.names[0]], **token)
            if extended == 0:
                until = asked + locks.TTL * (1 - DRIFT)
                self.call(self.hold("until", str(int(until * 1e9)), mark=self.mark + ".again"), **token)
        self.call([self.setting.redlock, "release", self.names[0]], **token)
        return status, out, error


class Peer(Kind):
    """A client of another make: it takes the lock as the Redis page says, and runs the recorder for as long as that is valid."""

    weight = 2
    names = (locks.SHARED,)
    needs = ""

    @classmethod
    def is_possible(cls, setting):
        return cls.needs in setting.peers

    def act(self):
        return self.call([*self.setting.peers[self.needs], self.names[0], str(int(locks.TTL * 1000)), self.setting.urls,
                          *self.hold()], LD_PRELOAD="")  # its resolver knows no addresses


class Python(Peer):
    needs = "python"


class Npm(Peer):
    needs = "npm"


KINDS = (Run, RunAtOnce, RunStubborn, RunTree, RunCancelled, RunWriting, RunSeveral, RunSlots, RunRest, RunShared, WhilePid, ByHand,
         Python, Npm)
