#!/usr/bin/python3
"""time-deaths SIGNAL TARGET PID...: sends SIGNAL to TARGET and prints how many milliseconds later the last PID died.

By pidfd_open(2): a shell that polls measures its own delays on a busy machine.
"""
import os
import select
import signal
import sys
import time

LIMIT = 30.0

number = signal.Signals["SIG" + sys.argv[1]]
target = int(sys.argv[2])
watched = select.poll()
alive = set()
for pid in sys.argv[3:]:
    alive.add(os.pidfd_open(int(pid)))
for fd in alive:
    watched.register(fd, select.POLLIN)

os.kill(target, number)
start = time.monotonic()
while alive:
    left = start + LIMIT - time.monotonic()
    if left <= 0:
        sys.exit(f"{len(alive)} processes are still alive")
    for fd, _ in watched.poll(left * 1000):
        watched.unregister(fd)
        alive.discard(fd)
print(int((time.monotonic() - start) * 1000))
