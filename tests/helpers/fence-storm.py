#!/usr/bin/python3
"""fence-storm REDLOCK [--processes N] [--writes N] [--kills N] [--seed N]: processes that write to one file through
`redlock fence`, with fences out of order, while others kill -9 redlock and the commands. Fails unless the history of the file
is monotone and whole, and each write that was refused wrote nothing. Prints what happened.

A writer appends "begin N", then "end N". Every other one is a grandchild that outlives redlock and the command when they are
killed: only the lock, which it has inherited, keeps the next writer out then."""
import argparse, collections, os, random, signal, subprocess, sys, tempfile, threading

parser = argparse.ArgumentParser()
parser.add_argument("redlock")
parser.add_argument("--processes", type=int, default=200)
parser.add_argument("--writes", type=int, default=10_000)
parser.add_argument("--kills", type=int, default=1000, help="how many of the writers are killed")
parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
options = parser.parse_args()

dice = random.Random(options.seed)
folder = tempfile.TemporaryDirectory(prefix="fence-storm-")
fence_file, history = (os.path.join(folder.name, name) for name in ("fence", "history"))

DIRECT = 'echo "begin $0" >> "$1"; echo "end $0" >> "$1"'
BY_GRANDCHILD = '{ echo "begin $0" >> "$1"; sleep 0.002; echo "end $0" >> "$1"; } & wait'

# They grow, and within a stretch they come in any order.
fences = list(range(1, options.writes + 1))
for begin in range(0, len(fences), 30):
    stretch = fences[begin : begin + 30]
    dice.shuffle(stretch)
    fences[begin : begin + 30] = stretch
doomed = set(dice.sample(fences, min(options.kills, len(fences))))
delays = {fence: dice.uniform(0, 0.05) for fence in doomed}
scripts = {fence: dice.choice((DIRECT, BY_GRANDCHILD)) for fence in fences}

turn = threading.Lock()
queue = iter(fences)
results = {}


def kill_some(writer, which):
    """redlock, its command or both, but never the grandchild that writes."""
    victims = [] if which == "command" else [writer.pid]
    try:
        with open(f"/proc/{writer.pid}/task/{writer.pid}/children") as children:
            if which != "redlock":
                victims += [int(pid) for pid in children.read().split()]
    except OSError:
        pass
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def work():
    while True:
        with turn:
            fence = next(queue, None)
        if fence is None:
            return
        writer = subprocess.Popen(
            [options.redlock, "fence", fence_file, "--fence", str(fence), "--", "sh", "-c", scripts[fence], str(fence), history],
            stderr=subprocess.DEVNULL,
        )
        if fence in doomed:
            try:
                writer.wait(delays[fence])
            except subprocess.TimeoutExpired:
                kill_some(writer, ("redlock", "command", "both")[fence % 3])
        results[fence] = writer.wait()


workers = [threading.Thread(target=work) for _ in range(options.processes)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
# The remains of killed writers hold the lock, and so are over when this one has it.
last = options.writes + 1
subprocess.run([options.redlock, "fence", fence_file, "--fence", str(last), "--", "true"], check=True)

failures = []
seen, open_write, written = 0, None, set()
with open(history) as lines:
    for line in lines:
        what, number = line.split()
        fence = int(number)
        if what == "begin":
            if fence <= seen:
                failures.append(f"{fence} wrote after {seen}")
            seen, open_write = fence, fence
            written.add(fence)
        elif fence != open_write:
            failures.append(f"{fence} ended within the write of {open_write}")
        else:
            open_write = None
for fence, status in results.items():
    if status == 1 and fence in written:
        failures.append(f"{fence} was refused, and wrote")
    if status == 0 and fence not in written:
        failures.append(f"{fence} was accepted, and did not write")
    if status not in (0, 1, -signal.SIGKILL, 128 + signal.SIGKILL):
        failures.append(f"{fence} ended with {status}")
with open(fence_file) as file:
    if file.read() != f"{last:>16}\n":
        failures.append("the file does not have the last fence")

count = collections.Counter(
    "written" if status == 0 else "refused" if status == 1 else "killed" for status in results.values()
)
print(f"seed {options.seed}: {len(results)} writes by {options.processes} processes:",
      ", ".join(f"{count[kind]} {kind}" for kind in ("written", "refused", "killed")))
if not all(count[kind] for kind in ("written", "refused", "killed")):
    failures.append("not all of written, refused and killed have happened: nothing was shown")
for failure in failures[:20]:
    print(failure)
sys.exit(bool(failures))
