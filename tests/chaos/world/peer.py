"""peer.py NAME TTL_MS "URL ..." COMMAND...: Redlock as its page has it, with python3-redis. COMMAND is told until when."""
import subprocess
import sys
import time
import uuid

import redis

RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
ATTEMPTS = 5


def boot():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def on_all(nodes, action):
    answers = []
    for node in nodes:
        try:
            answers.append(action(node))
        except redis.RedisError:
            answers.append(None)
    return answers


def main():
    name, ttl, urls, command = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(), sys.argv[4:]
    nodes = [redis.Redis.from_url(url, socket_timeout=0.3, socket_connect_timeout=0.3) for url in urls]
    token = uuid.uuid4().hex
    status = 75
    for _ in range(ATTEMPTS):
        began = boot()
        votes = sum(bool(vote) for vote in on_all(nodes, lambda node: node.set(name, token, nx=True, px=ttl)))
        until = began + ttl / 1000 * 0.98 - 0.005
        if votes > len(nodes) // 2 and boot() < until:
            status = subprocess.call([*command, "until", str(int(until * 1e9))])
        on_all(nodes, lambda node: node.eval(RELEASE, 1, name, token))
        if status != 75:
            return status
        time.sleep(0.3)
    return 75


sys.exit(main())
