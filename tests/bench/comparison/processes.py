"""Everything that is started here ends by itself: at the end, at an exception, at a signal, and when this is killed."""
import ctypes
import os
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for_end(pid, until):
    """Of a child. Popen.wait() with a limit looks again after up to 50 ms, which is longer than what is measured here."""
    descriptor = os.pidfd_open(pid)
    try:
        select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
    finally:
        os.close(descriptor)


class Processes:
    """Starts processes and ends them, each by its pid. A context manager, with a folder for their files."""

    def __init__(self):
        self.folder = None
        self.alive = {}  # pid -> Popen

    def __enter__(self):
        # In memory where there is such a folder: no peer should wait for a disk.
        shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="redlock-compare.", dir=shared)
        self.log = open(self.path("log"), "wb")
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        # A proxy in front of a hundred waiters has thousands of descriptors, and so may a node.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 65536), hard), hard))
        return self

    def __exit__(self, *_):
        self.end(list(self.alive.values()))
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, argv, environment=None, stdout=None):
        """In a session of its own: a Ctrl-C is for this program, which then ends the rest in order."""
        process = subprocess.Popen(
            argv,
            env={**clean_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout or self.log,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self.alive[process.pid] = process
        return process

    def reap(self):
        """Forgets the processes that have ended by themselves."""
        for process in list(self.alive.values()):
            if process.poll() is not None:
                del self.alive[process.pid]

    def wait(self, processes, limit=120):
        """Until all have ended by themselves; returns the moment at which the last was reaped, in nanoseconds."""
        until = time.monotonic() + limit
        for process in processes:
            if process.poll() is None:
                wait_for_end(process.pid, until)
            process.wait(0)
            self.alive.pop(process.pid, None)
        return time.monotonic_ns()

    def end(self, processes):
        for process in processes:
            if process.poll() is None:
                process.kill()  # also what is stopped: KILL does not wait for CONT
        for process in processes:
            process.wait()
            if process.stdout:
                process.stdout.close()
            self.alive.pop(process.pid, None)

    def tail_of_log(self):
        self.log.flush()
        with open(self.path("log"), "rb") as log:
            log.seek(max(0, os.path.getsize(log.name) - 2000))
            return log.read().decode(errors="replace")


def clean_environment():
    """Without the settings that the user has for redlock and etcdctl."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("REDLOCK_", "ETCD"))}


def descendants(pid):
    """Of a process, itself left out, as (pid, name)."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as children:
            for child in children.read().split():
                with open(f"/proc/{child}/comm", encoding="ascii") as comm:
                    found.append((int(child), comm.read().strip()))
                found += descendants(int(child))
    return found


def unshared_kib(pids):
    """What would be free again if only these ended: a process and those that it forked, which still share with it what
    neither has written to since."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith(("Private_Clean:", "Pss_Anon:", "Pss_Shmem:")):
                    total += int(line.split()[1])
    return total


def cpu_seconds(pid):
    """User and system time of all threads; from the scheduler's own count, since a tick of 10 ms is too coarse."""
    try:
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as schedstat:
                total += int(schedstat.read().split()[0])
        return total / 1e9
    except FileNotFoundError:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
