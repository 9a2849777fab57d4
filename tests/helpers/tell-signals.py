#!/usr/bin/python3
"""tell-signals COUNT: prints "ready", then the name of each signal it gets; exits with 7 after COUNT of them."""
import os
import signal
import sys

ALL = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
print("ready", os.getpid(), flush=True)
for _ in range(int(sys.argv[1])):
    print(signal.Signals(signal.sigwait(ALL)).name, flush=True)
sys.exit(7)
