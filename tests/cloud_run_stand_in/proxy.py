"""The addresses of a service and of its tags: small proxies that choose a revision anew for each request, by weight."""

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable

Choice = Callable[[], list[tuple[str, int, int]]]
"""The revisions that a request may go to: name, weight, port."""
HEAD = 65536


class Proxies:
    """All proxies, on a loop in a thread of its own. Each request goes to one revision by chance, as at Google."""

    def __init__(self, seed: int = 1) -> None:
        self.served: Counter[tuple[str, str]] = Counter()
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies")
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, name: str, choice: Choice) -> str:
        """Open an address; what is served there is counted under this name, by revision."""

        async def start() -> int:
            server = await asyncio.start_server(
                lambda r, w: self._serve(name, choice, r, w), "127.0.0.1", 0, limit=HEAD
            )
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        return f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(start(), self._loop).result()}"

    def stop(self) -> None:
        """Close all."""

        async def end() -> None:
            for server in self._servers:
                server.close()
            for _ in range(3):  # a connection that was just accepted has no task before the loop's next turn
                tasks = asyncio.all_tasks() - {asyncio.current_task()}
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(
        self, name: str, choice: Choice, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)  # the loop itself holds on to none
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                head = await reader.readuntil(b"\r\n\r\n")
                backends = [each for each in choice() if each[1] > 0]
                if not backends:
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    await writer.drain()
                else:
                    [(revision, _, port)] = self._chance.choices(backends, [weight for _, weight, _ in backends])
                    self.served[(name, revision)] += 1
                    await self._forward(head, port, reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _forward(
        self, head: bytes, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pipe both ways until either side ends; one request a connection, unless it becomes a WebSocket."""
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        lines = head.split(b"\r\n")
        if b"upgrade:" not in head.lower():
            lines = [each for each in lines if not each.lower().startswith(b"connection:")]
            lines.insert(1, b"Connection: close")
        forth.write(b"\r\n".join(lines))
        there = asyncio.create_task(_pipe(reader, forth))
        try:
            await _pipe(back, writer)
        finally:
            there.cancel()
            forth.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
