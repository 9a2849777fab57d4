"""Hears from redlock-stamp (stamp.c) when the commands under the lock start, and tells them when to end."""
import select
import socket


class Stamp:
    """One that runs. Times are nanoseconds of CLOCK_MONOTONIC, as time.monotonic_ns() gives them."""

    def __init__(self, connection):
        self.connection = connection
        self.lines = connection.makefile("r")
        label, start = self.lines.readline().split()
        self.label, self.start = label, int(start)

    def release(self):
        """Lets it end, or become what it stands before. Returns when it did."""
        self.let_go()
        return self.ended()

    def let_go(self):
        self.connection.send(b".")

    def ended(self):
        line = self.lines.readline()
        self.close()
        if not line:
            raise RuntimeError(f"{self.label} was killed while it held the lock")
        return int(line)

    def close(self):
        self.lines.close()
        self.connection.close()


class Stamps:
    def __init__(self, processes, program):
        self.path = processes.path("stamps")
        self.program = program
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listening.bind(self.path)
        self.listening.listen(1000)

    def command(self, label, *before):
        """The command that reports here as `label`; with more arguments it then becomes that command."""
        return [self.program, self.path, label, *before]

    def next(self, limit=60.0):
        """The one that started next; None if none has after `limit` seconds."""
        if not select.select([self.listening], [], [], max(0.0, limit))[0]:
            return None
        return Stamp(self.listening.accept()[0])

    def expect(self, limit=60.0):
        stamp = self.next(limit)
        if stamp is None:
            raise TimeoutError(f"nobody got the lock within {limit} s")
        return stamp

    def discard(self):
        """Those that got a lock while everything was being ended."""
        while stamp := self.next(0):
            stamp.close()


