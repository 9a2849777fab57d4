#!/usr/bin/python3
"""keydb-front.py HOST:PORT: a server that reads as KeyDB 6.3 does, in front of the redis-server at HOST:PORT.

KeyDB parses all that it has read before it executes any of it. So a command of more than 10 words behind an AUTH in the
same write is one of a client that is not authenticated: it is refused, nothing is executed, and the connection ends. Prints
the port on which it listens, and from then on a line "connection" for each that it accepts. Ends with its parent."""

import ctypes
import signal
import socket
import sys
import threading

ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
host, _, port = sys.argv[1].rpartition(":")


def words_of(data):
    """The commands in `data`, each a list of words; an incomplete one at the end is left out."""
    commands = []
    while data.startswith(b"*"):
        header, _, rest = data.partition(b"\r\n")
        words = []
        for _ in range(int(header[1:])):
            size, _, rest = rest.partition(b"\r\n")
            if not size or len(rest) < int(size[1:]) + 2:
                return commands + [[None] * int(header[1:])]
            words.append(rest[: int(size[1:])])
            rest = rest[int(size[1:]) + 2 :]
        commands.append(words)
        data = rest
    return commands


def pass_on(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client):
    data = client.recv(65536)
    if any(len(words) > 10 for words in words_of(data)):
        client.sendall(b"-ERR Protocol error: unauthenticated multibulk length\r\n")
        client.close()
        return
    server = socket.create_connection((host, int(port)))
    server.sendall(data)
    threading.Thread(target=pass_on, args=(server, client), daemon=True).start()
    pass_on(client, server)


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    print("connection", flush=True)
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
