"""Five Redis servers on loopback, and the proxies in front of them."""
import os
import signal
import socket
import subprocess
import time


class Nodes:
    COUNT = 5

    def __init__(self, processes):
        self.processes = processes
        self.servers, self.ports = [], []
        for _ in range(self.COUNT):
            server, port = start_listening(processes, redis_server)
            self.servers.append(server)
            self.ports.append(port)
        for port in self.ports:
            ask(port, "PING")

    def environment(self, ports=None):
        """For redlock, and for the peers that take the same list. These nodes cannot have forgotten a lock."""
        urls = " ".join(f"redis://127.0.0.1:{port}" for port in ports or self.ports)
        return {"REDLOCK_NODES": urls, "REDLOCK_CONFIG": "/dev/null", "REDLOCK_RESTART_QUARANTINE": "0"}

    def through(self, delay, program):
        """The same nodes behind a proxy: (its process, the environment to use it)."""
        proxy = self.processes.start([program, delay, *map(str, self.ports)], stdout=subprocess.PIPE)
        ports = proxy.stdout.readline().split()
        return proxy, self.environment([port.decode() for port in ports])

    def command_counts(self):
        """For each node, how many commands of each kind it has seen, those inside of scripts included."""
        return [
            {
                line[8 : line.index(":")]: int(line.split("calls=")[1].split(",")[0])
                for line in ask(port, "INFO commandstats").splitlines()
                if line.startswith("cmdstat_")
            }
            for port in self.ports
        ]


class Hung:
    """Servers that accept and never answer, for as long as the context lasts."""

    def __init__(self, servers, alive):
        self.servers, self.alive = servers, alive

    def __enter__(self):
        for server in self.servers:
            os.kill(server.pid, signal.SIGSTOP)

    def __exit__(self, *_):
        for server in self.servers:
            os.kill(server.pid, signal.SIGCONT)
        self.alive()


def redis_server(port, _):
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--daemonize", "no"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def start_listening(processes, argv_of, limit=30.0):
    """Starts a server on a port that the kernel picked; once more if somebody else took it meanwhile."""
    for _ in range(5):
        port = free_port()
        server = processes.start(argv_of(port, processes))
        until = time.monotonic() + limit
        while server.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return server, port
            except OSError:
                time.sleep(0.005)
    raise RuntimeError(f"{argv_of(0, processes)[0]} does not start: {processes.tail_of_log()}")


def ask(port, request, limit=30.0):
    """One inline command and its reply: a status or a bulk string."""
    with socket.create_connection(("127.0.0.1", port), timeout=limit) as connection:
        connection.sendall(request.encode() + b"\r\n")
        with connection.makefile("rb") as reply:
            first = reply.readline().rstrip()
            return (reply.read(int(first[1:])) if first.startswith(b"$") else first).decode()
