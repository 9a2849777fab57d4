#!/usr/bin/env python3
"""delay-proxy-test.py DELAY-PROXY: what the proxy promises, against an echo server of its own."""
import random
import socket
import subprocess
import sys
import threading
import time
import unittest

PROXY = sys.argv.pop(1)
LIMIT = 60.0


class EchoServer:
    """Sends back what comes in, and says when it has seen the end of a stream."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listening.accept()
            threading.Thread(target=self.echo, args=(connection,), daemon=True).start()

    def echo(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while piece := connection.recv(65536):
                connection.sendall(piece)
        self.ended.release()


class DelayProxy(unittest.TestCase):
    def setUp(self):
        self.server = EchoServer()

    def through(self, delay, *ports):
        self.process = process = subprocess.Popen([PROXY, delay, *map(str, ports or (self.server.port,))], stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.ports = list(map(int, process.stdout.readline().split()))
        connection = socket.create_connection(("127.0.0.1", self.ports[0]), timeout=LIMIT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(connection.close)
        return connection

    def receive(self, connection, size):
        received = b""
        while len(received) < size:
            piece = connection.recv(size - len(received))
            self.assertTrue(piece, "the stream ended early")
            received += piece
        return received

    def test_each_direction_takes_the_delay(self):
        connection = self.through("30")
        times = []
        for _ in range(10):
            start = time.monotonic()
            connection.sendall(b"x")
            self.receive(connection, 1)
            times.append(time.monotonic() - start)
        self.assertGreaterEqual(min(times), 0.060)
        self.assertLess(min(times), 0.110, "one round trip, and not two")

    def test_what_follows_does_not_wait_for_what_went_before(self):
        connection = self.through("500")
        start = time.monotonic()
        for _ in range(20):
            connection.sendall(b"x")
            time.sleep(0.005)
        self.receive(connection, 20)
        self.assertLess(time.monotonic() - start, 10.0, "twenty pieces one after the other would take twenty seconds")

    def test_random_delays_keep_the_order(self):
        connection = self.through("1-20")
        sent = b""
        for i in range(300):
            piece = b"%d," % i
            connection.sendall(piece)
            sent += piece
            time.sleep(random.uniform(0, 0.002))
        self.assertEqual(self.receive(connection, len(sent)), sent)

    def test_much_data_arrives_whole(self):
        connection = self.through("2")
        sent = random.randbytes(16 * 1024 * 1024)  # more than the proxy takes in at once
        threading.Thread(target=connection.sendall, args=(sent,), daemon=True).start()
        self.assertTrue(self.receive(connection, len(sent)) == sent)

    def test_the_end_of_a_stream_arrives_after_what_came_before(self):
        connection = self.through("20")
        connection.sendall(b"the last words")
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive(connection, 14), b"the last words")
        self.assertEqual(connection.recv(1), b"")
        self.assertTrue(self.server.ended.acquire(timeout=LIMIT))

    def test_a_client_that_resets_is_closed_at_the_server(self):
        connection = self.through("5")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(b"x")
        connection.close()
        self.assertTrue(self.server.ended.acquire(timeout=LIMIT))

    def test_a_server_that_is_gone_ends_the_connection(self):
        with socket.socket() as unused:  # bound, so that nobody else is given its port
            unused.bind(("127.0.0.1", 0))
            self.assertEqual(self.through("5", unused.getsockname()[1]).recv(1), b"")

    def test_several_servers_have_a_port_each(self):
        other = EchoServer()
        self.through("1", self.server.port, other.port)
        self.assertEqual(len(set(self.ports)), 2)
        with socket.create_connection(("127.0.0.1", self.ports[1]), timeout=LIMIT) as connection:
            connection.sendall(b"x")
            self.receive(connection, 1)
        self.assertTrue(other.ended.acquire(timeout=LIMIT))
        self.assertFalse(self.server.ended.acquire(blocking=False))

    def test_it_rests_when_nothing_happens(self):
        connection = self.through("5000")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()  # reset on one side, and the end is still under way to the other: nothing may spin on it
        before = self.cpu_ticks()
        time.sleep(0.5)
        self.assertLess(self.cpu_ticks() - before, 10)

    def cpu_ticks(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))

    def test_wrong_arguments_are_refused(self):
        for arguments in (["5"], ["x", "1"], ["9-5", "1"], ["-1", "1"], ["5", "0"], ["5", "70000"]):
            result = subprocess.run([PROXY, *arguments], capture_output=True, timeout=LIMIT)
            self.assertEqual(result.returncode, 64, arguments)


unittest.main(verbosity=2)
