"""A server whose truth is known: it answers a given time after a request, and says how long it really took.

    python benchmarks/late_server.py CORE SECONDS [STALL EVERY]
    python benchmarks/late_server.py CORE SECONDS websocket

One thread; with STALL it does nothing at all for so many seconds at a time, as a service that collects garbage. It
prints its port, then a line for each stall: begin and end by the clock that all processes share. It ends with its input.
As a WebSocket service it answers each message after the given time, with what it took as the message.
"""

import asyncio
import contextlib
import heapq
import itertools
import os
import select
import socket
import sys
import threading
import time

_numbers = itertools.count()


class Server:
    """Answers every request `delay` seconds after it came."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.listener.settimeout(0)
        self.connections: dict[int, socket.socket] = {self.listener.fileno(): self.listener}
        self.due: list[tuple[float, int, float, socket.socket]] = []
        self.seen: dict[int, bytes] = {}

    def serve(self, patience: float) -> None:
        """Whatever there is to do now, or within so many seconds."""
        now = time.perf_counter()
        if self.due:
            patience = min(patience, max(0.0, self.due[0][0] - now))
        readable, _, _ = select.select([*self.connections], [], [], patience)
        for descriptor in readable:
            if descriptor == self.listener.fileno():
                self._accept()
            else:
                self._read(descriptor)
        while self.due and self.due[0][0] <= time.perf_counter():
            _, _, came, connection = heapq.heappop(self.due)
            took = (time.perf_counter() - came) * 1000
            head = (
                f"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-true-ms: {took:.4f}\r\ncontent-length: 200\r\n\r\n"
            )
            with contextlib.suppress(OSError):
                connection.sendall(head.encode() + b"x" * 200)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = self.listener.accept()
            connection.settimeout(0)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[connection.fileno()] = connection

    def _read(self, descriptor: int) -> None:
        connection = self.connections[descriptor]
        try:
            data = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            del self.connections[descriptor]
            connection.close()
            return
        came = time.perf_counter()
        whole = self.seen.pop(descriptor, b"") + data
        *requests, rest = whole.split(b"\r\n\r\n")
        if rest:
            self.seen[descriptor] = rest
        for _ in requests:
            heapq.heappush(self.due, (came + self.delay, next(_numbers), came, connection))


def main() -> None:
    """Serve until the input ends."""
    core, delay, *rest = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    if rest == ["websocket"]:
        asyncio.run(talking(float(delay)))
        return
    stall, every = map(float, rest or ["0", "inf"])
    server = Server(float(delay))
    print(server.listener.getsockname()[1], flush=True)
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    next_stall = time.perf_counter() + every
    while not ended.is_set():
        server.serve(min(0.1, max(0.0, next_stall - time.perf_counter())))
        if time.perf_counter() >= next_stall:
            began = time.perf_counter()
            time.sleep(stall)
            print(began, time.perf_counter(), flush=True)
            next_stall += every


async def talking(delay: float) -> None:
    """The same over WebSockets; what websockets itself takes before and after is not in what it calls true."""
    from websockets.asyncio.server import ServerConnection, serve

    async def talk(connection: ServerConnection) -> None:
        async for _ in connection:
            came = time.perf_counter()
            await asyncio.sleep(delay)
            await connection.send(f"{(time.perf_counter() - came) * 1000:.4f}")

    async with serve(talk, "127.0.0.1", 0) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    main()
