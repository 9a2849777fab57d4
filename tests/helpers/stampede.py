#!/usr/bin/env python3
"""stampede.py COUNT LOCK [OPTION...]: COUNT processes of `redlock run -n OPTION... LOCK`, released at the same instant.

Those that win keep the lock until all others have ended. Prints how many won, and the exit statuses of the others.
"""
import glob
import os
import sys
import tempfile
import time

LIMIT = 60.0


def start(gate, write_end, command):
    """A process that runs the command as soon as the write end of the gate has been closed by all."""
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        os.read(gate, 1)
        os.close(gate)
        os.execv(command[0], command)
    return pid


def reap(pids):
    """Those that have ended, with their exit statuses."""
    ended = {}
    for pid in pids:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended


def main():
    count, lock, options = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        go = os.path.join(folder, "go")
        os.mkfifo(go)
        hold = 'echo > "$0/won.$$"; read _ < "$0/go"'
        command = [os.environ["REDLOCK"], "run", "-q", "-n", *options, lock, "--", "sh", "-c", hold, folder]
        gate, write_end = os.pipe()
        running = {start(gate, write_end, command) for _ in range(count)}
        os.close(write_end)
        statuses, until = [], time.monotonic() + LIMIT

        def won():
            return len(glob.glob(os.path.join(folder, "won.*")))

        while len(running) > won() and time.monotonic() < until:
            ended = reap(running)
            running -= set(ended)
            statuses += ended.values()
            time.sleep(0.002)
        winners = won()
        with open(go, "r+b", buffering=0) as fifo:
            while running and time.monotonic() < until:
                fifo.write(b"go\n")
                running -= set(reap(running))
                time.sleep(0.01)
        print(winners, *sorted(set(statuses)))
        for pid in running:
            os.kill(pid, 9)


if __name__ == "__main__":
    main()
