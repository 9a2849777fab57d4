"""A holder and those who wait behind it, for one contender and one lock."""
import time

from .contenders import fresh_lock, settle_time


class Crew:
    """A context manager: at its end all of them are gone."""

    def __init__(self, bench, contender, section, distance=0.0):
        self.bench, self.contender = bench, contender
        self.lock = fresh_lock(section)
        self.distance = distance  # to the servers, there and back, in seconds
        self.waiters = []  # processes, in the order in which they came
        self.holder = None

    def __enter__(self):
        self.process = self.start("holder")
        self.holder = self.bench.stamps.expect()
        return self

    def __exit__(self, *_):
        self.bench.processes.end([self.process, *self.waiters])
        if self.holder:
            self.holder.close()
        self.bench.stamps.discard()

    def start(self, label):
        return self.bench.start(self.contender, self.lock, self.bench.stamps.command(label))

    def add(self, count, apart=0.0, command=None):
        """Waiters, one every `apart` seconds; without a command of theirs they report with their number."""
        began = time.monotonic()
        for i in range(count):
            time.sleep(max(0.0, began + i * apart - time.monotonic()))
            label = str(len(self.waiters))
            self.waiters.append(
                self.bench.start(self.contender, self.lock, command) if command else self.start(label))
        self.settle(count)

    def settle(self, count):
        time.sleep(settle_time(self.contender, count) + 8 * self.distance)
        self.bench.processes.reap()

    def hand_on(self, limit=60.0):
        """The holder's command ends; returns the milliseconds until the next one's first instruction. The release begins
        when the command has ended."""
        released = self.holder.release()
        self.holder = None
        self.holder = self.bench.stamps.expect(limit)
        return (self.holder.start - released) / 1e6
