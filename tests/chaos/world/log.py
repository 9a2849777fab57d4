"""The log of a run: JSON, an object on a line each, with `at` in seconds of CLOCK_BOOTTIME and `what`."""
import json
import threading
import time


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Log:
    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8", buffering=1)
        self.turn = threading.Lock()

    def write(self, what, at=None, **fields):
        line = json.dumps({"at": round(now() if at is None else at, 6), "what": what, **fields})
        with self.turn:
            self.file.write(line + "\n")


def read(path):
    with open(path, encoding="utf-8") as file:
        return sorted((json.loads(line) for line in file), key=lambda line: line["at"])
