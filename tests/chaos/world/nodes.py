"""The Redis servers."""
import os
import shutil
import socket
import subprocess
import time

from .network import CONTINUE, KILL, STOP, send

PORT = 6379
START_SECONDS = 30


def ask(address, *words, seconds=2.0):
    """The reply of a server, as Python has it; an OSError where it does not answer in time."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.create_connection((address, PORT), timeout=seconds) as connection:
        connection.sendall(request.encode())
        with connection.makefile("rb") as stream:
            return read_reply(stream)


def read_reply(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("the connection ended")
    kind, rest = line[:1], line[1:-2].decode(errors="replace")
    if kind == b"-":
        raise OSError(rest)
    if kind == b"$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode(errors="replace")
    if kind == b"*":
        return [read_reply(stream) for _ in range(int(rest))]
    return int(rest) if kind == b":" else rest


class Node:
    def __init__(self, name, network, folder, server, set_clock, log):
        self.name, self.network, self.log, self.server = name, network, log, server
        self.address = network.add(name)
        self.folder = os.path.join(folder, name)
        self.clock = os.path.join(folder, name + ".clock")
        self.environment = {**os.environ, "SET_CLOCK": self.clock, "LD_PRELOAD": set_clock}
        self.process = None
        self.is_taken = False  # by a fault

    def start(self, empty):
        if empty:
            shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, exist_ok=True)
        self.set_clock(0)
        self.process = subprocess.Popen(
            [*self.network.inside(self.name), self.server, "--bind", self.address, "--port", str(PORT), "--protected-mode", "no",
             "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--dir", self.folder, "--tcp-keepalive", "5",
             "--logfile", os.path.join(self.folder, "log")],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        self.log.write("node", node=self.name, state="up", empty=empty)

    def await_answer(self):
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                return ask(self.address, "PING")
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def kill(self):
        send(self.process.pid, KILL)
        self.process.wait()
        self.log.write("node", node=self.name, state="down")

    def stop(self):
        self.log.write("node", node=self.name, state="stopped")
        send(self.process.pid, STOP)

    def go_on(self):
        send(self.process.pid, CONTINUE)
        self.log.write("node", node=self.name, state="up")

    def set_clock(self, seconds):
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write(f"{seconds}\n")
        os.rename(self.clock + ".new", self.clock)
