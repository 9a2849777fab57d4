#!/usr/bin/python3
"""balancer.py HOST:PORT...: a TCP load balancer that hands each connection to the next of the servers.

Prints the port on which it listens. HUP makes it cut all connections. Ends with its parent."""

import ctypes
import itertools
import signal
import socket
import sys
import threading

ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
servers = itertools.cycle(sys.argv[1:])
open_ends = []


def shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def cut(*_):
    for end in list(open_ends):
        shut(end)
    open_ends.clear()


def pass_on(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    shut(source)
    shut(sink)


signal.signal(signal.SIGHUP, cut)
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    host, _, port = next(servers).rpartition(":")
    try:
        server = socket.create_connection((host, int(port)))
    except OSError:
        client.close()
        continue
    open_ends += [client, server]
    for pair in ((client, server), (server, client)):
        threading.Thread(target=pass_on, args=pair, daemon=True).start()
