#!/usr/bin/python3
"""terminal STEP...: plays a person at a terminal, where an interactive shell runs.

STEP: "type TEXT" (with \\x03 for Ctrl-C, \\r for Enter), "see TEXT" (fails when TEXT does not show up in time), "match REGEX" (the
same), "await job" (until the shell has given the terminal to a job), "run COMMAND" (outside of the terminal) or "hang up".
Prints what the terminal showed. In the end the shell is killed.
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

LIMIT = 20.0
# Between two strokes of a person. A shell may lose what is typed in the instant in which it takes the terminal back.
PAUSE = 0.05


def main():
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PS1"] = "PROMPT> "
        os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
    seen, everything = "", ""

    def read_until(pattern):
        nonlocal seen, everything
        end = time.monotonic() + LIMIT
        while not (found := re.search(pattern, seen)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([terminal], [], [], left)[0]:
                raise SystemExit(f"{everything}\n--- did not see {pattern!r}")
            chunk = os.read(terminal, 4096).decode(errors="replace")
            seen += chunk
            everything += chunk
        seen = seen[found.end() :]

    def await_job():
        end = time.monotonic() + LIMIT
        while os.tcgetpgrp(terminal) == pid:
            if time.monotonic() > end:
                raise SystemExit(f"{everything}\n--- the shell has kept the terminal")
            time.sleep(0.001)

    try:
        read_until("PROMPT> ")
        for step in sys.argv[1:]:
            verb, _, given = step.partition(" ")
            text = given.encode().decode("unicode_escape")
            if verb == "type":
                time.sleep(PAUSE)
                os.write(terminal, text.encode())
            elif verb == "see":
                read_until(re.escape(text))
            elif verb == "match":
                read_until(given)
            elif verb == "await":
                await_job()
            elif verb == "run":
                subprocess.run(["timeout", str(LIMIT), "sh", "-c", text], check=True)
            elif verb == "hang":
                os.close(terminal)
                terminal = -1
                end = time.monotonic() + LIMIT
                while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    if time.monotonic() > end:
                        raise SystemExit("--- the shell outlives its terminal")
                    time.sleep(0.01)
        print(everything)
    finally:
        os.kill(pid, signal.SIGKILL)
        if terminal >= 0:
            os.close(terminal)
        os.waitpid(pid, 0)


main()
