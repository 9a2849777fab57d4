"""What every section needs: the machine room, and how much is to be measured."""
import contextlib
from dataclasses import dataclass

from .contenders import Contender, EtcdctlLock, Redlock
from .nodes import Nodes
from .processes import Processes
from .stamps import Stamps


@dataclass
class Effort:
    """How much of each. `quick` is for trying it out; it says less, and says so."""

    rounds: int = 5  # in which the contenders take turns
    laps: int = 40  # cold runs in a round
    waiters: tuple = (1, 10, 100)
    handoffs: int = 12  # in a round
    slow_peer_waiters: int = 100  # most of a peer whose processes take long to start
    drain: int = 100
    crowd_seconds: float = 60.0
    crowd: int = 100
    queue: int = 50  # whose order is watched
    stampedes: int = 50
    contenders_of_stampede: int = 30


QUICK = Effort(rounds=2, laps=10, waiters=(1, 10), handoffs=5, slow_peer_waiters=10, drain=30, crowd_seconds=8.0, crowd=40,
               queue=30, stampedes=10)


@dataclass
class Bench:
    processes: Processes
    stamps: Stamps
    nodes: Nodes
    effort: Effort
    build: str
    redlock: Contender
    floor: Contender
    peers: list  # those that are installed
    has_etcd: bool
    left_out: list  # why what is not measured is not, for the report
    say: object  # tells a person what is being done

    @contextlib.contextmanager
    def etcd_of_five(self):
        """An EtcdctlLock whose servers run only meanwhile: what they do when idle is in nobody's way. Or None."""
        etcd = None
        try:
            etcd = EtcdctlLock(self.processes, 5) if self.has_etcd else None
        except OSError as error:  # what has been measured so far is not lost for it
            self.left_out.append(f"etcd of five: {error}")
        try:
            yield etcd
        finally:
            self.processes.end(etcd.cluster.servers if etcd else [])

    def redlock_of_one(self):
        """Over one node, which like etcd with one member bears no loss."""
        return Redlock(self.redlock.program, self.nodes.environment(self.nodes.ports[:1]), name="redlock, 1 node")

    def start(self, contender, lock, command, *options):
        return self.processes.start(contender.command(lock, command, *options), contender.environment())

    def helper(self, name):
        return f"{self.build}/helpers/{name}"

    def tool(self, name):
        return f"{self.build}/tests/redlock-{name}"
