"""When which fault comes: one seed gives one order."""
import random
import threading
import time

from . import faults

QUIET_AT_START = 2.0
QUIET_AT_END = 6.0


def make(seed, names, seconds):
    """A list of (when, fault, seed of its own, length in seconds). Each comes as often as any other."""
    rng = random.Random(f"faults {seed}")
    plan, at, bag = [], QUIET_AT_START, []
    while names and at < seconds - QUIET_AT_END:
        if not bag:
            bag = rng.sample(names, len(names))
        length = rng.choice((0.3, 1.0, 3.0, 6.0)) * rng.uniform(0.5, 1.5)
        plan.append((at, bag.pop(), rng.getrandbits(32), min(length, seconds - QUIET_AT_END / 2 - at)))
        at += rng.choice((0.0, 1.0, 4.0)) * rng.uniform(0.5, 1.5)
    return plan


def carry_out(world, plan):
    """Returns when all is undone."""
    began = time.monotonic()
    threads = []
    for number, (at, name, seed, length) in enumerate(plan):
        if world.setting.ending.wait(max(0.0, began + at - time.monotonic())):
            break
        threads.append(threading.Thread(target=one, args=(world, number, name, seed, length)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def one(world, number, name, seed, length):
    fault, outside = faults.FAULTS[name]
    log = world.setting.log
    log.write("fault", fault=name, number=number, outside=outside)
    undo = None
    try:
        target, undo = fault(world, random.Random(seed), length)
        log.write("fault-on", fault=name, number=number, outside=outside, **target)
        if undo:
            world.setting.ending.wait(length)
    except faults.NotNow as reason:
        log.write("fault-skipped", fault=name, number=number, why=str(reason))
    finally:
        if undo:
            undo()
        log.write("fault-off", fault=name, number=number)
