#!/usr/bin/python3
"""stalls FILE: makes FILE, and adds a line to it whenever a processor stood still, until FILE.end is there.

One process watches each processor, since a hypervisor may take one away and leave the other: ahead of all other processes
where that is permitted, so that these do not count.
"""
import os
import sys
import time

TICK = 0.002
LATE = 0.010

path = sys.argv[1]
end = path + ".end"


def watch(processor, ready):
    parent = os.getppid()
    os.sched_setaffinity(0, {processor})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_max(os.SCHED_FIFO)))
    except PermissionError:
        pass
    before = time.monotonic()
    os.write(ready, b"x")
    while not os.path.exists(end) and os.getppid() == parent:
        time.sleep(TICK)
        now = time.monotonic()
        if now - before > LATE:
            with open(path, "a") as file:
                print(f"processor {processor} stood still for {(now - before) * 1000:.0f} ms", file=file)
        before = now
    os._exit(0)


starter = os.getppid()
watched, ready = os.pipe()
processors = os.sched_getaffinity(0)
for processor in processors:
    if os.fork() == 0:
        watch(processor, ready)
for processor in processors:
    os.read(watched, 1)
open(path, "a").close()
while not os.path.exists(end) and os.getppid() == starter:
    time.sleep(0.02)
if os.path.exists(end):
    for processor in processors:
        os.wait()
