"""A service of many endpoints, as two revisions of it: one process each, and some endpoints of the second are slower.

    python benchmarks/real_service.py SEED [NAME=FACTOR ...]

Endpoint `/eN` works for a while (every third computes, the others wait, as for a database), for a time that is another
at each request. It prints its port, and ends with its input.
"""

import asyncio
import contextlib
import math
import random
import sys
import time


class Service:
    """Answers `GET /NAME` after what the endpoint takes."""

    def __init__(self, seed: int, slower: dict[str, float]) -> None:
        self._dice = random.Random(seed)
        self._slower = slower

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await self._work(head.split(" ", 2)[1].lstrip("/"))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        writer.close()

    async def _work(self, name: str) -> None:
        number = int("".join(each for each in name if each.isdigit()) or 0)
        typical = 0.002 + 0.0005 * (number % 7)
        seconds = typical * self._slower.get(name, 1.0) * math.exp(self._dice.gauss(0, 0.15))
        end = time.perf_counter() + seconds
        if number % 3:
            await asyncio.sleep(max(0.0, seconds - 0.001))  # the rest by the clock: a loop wakes up late
        while time.perf_counter() < end:
            pass


async def main() -> None:
    """Serve until the input ends."""
    slower = {name: float(factor) for name, _, factor in (each.partition("=") for each in sys.argv[2:])}
    server = await asyncio.start_server(Service(int(sys.argv[1]), slower).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
